"""`python -m app …` is `app …`; what writes code starts without the application, whose loading takes longer."""

import gc
import sys
from importlib import import_module
from importlib.util import find_spec

WRITES_CODE = frozenset({"new", "add", "destroy"})


def main() -> None:
    """Run a command."""
    if WRITES_CODE.intersection(sys.argv[1:2]) and find_spec("scaffold"):
        gc.disable()  # it would look again and again at what is being imported, and is over before there is waste
        import_module("scaffold.commands").main()
    else:
        import_module("app.cli").main()


if __name__ == "__main__":
    main()
