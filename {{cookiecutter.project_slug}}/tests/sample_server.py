"""`app …` with the sample feature: `python -m tests.sample_server serve`."""

from app.__main__ import main
from tests import sample

sample.add_to_app()  # the server's worker processes import this module, too

if __name__ == "__main__":
    main()
