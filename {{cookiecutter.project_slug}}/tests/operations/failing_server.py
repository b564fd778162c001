"""`app …` with a feature that fails: `python -m tests.operations.failing_server serve`."""

from pathlib import Path

from app import features
from app.__main__ import main

features.__path__.append(str(Path(__file__).parent / "features"))

if __name__ == "__main__":
    main()
