"""`python -m app …` is `app …`; what writes code starts without the application, whose loading takes longer."""

import sys
from importlib import import_module
from importlib.util import find_spec

WRITES_CODE = frozenset({"new", "add", "destroy"})


def main() -> None:
    """Run a command."""
    alone = WRITES_CODE.intersection(sys.argv[1:2]) and find_spec("scaffold")
    import_module("scaffold.commands" if alone else "app.cli").main()


if __name__ == "__main__":
    main()
