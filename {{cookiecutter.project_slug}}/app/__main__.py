"""`python -m app …` is `app …`."""

import sys

from app.cli import load_commands, run
from app.commands.gc_freeze import freeze_gc


def main() -> None:
    """Run a command."""
    with freeze_gc():
        cli = load_commands(sys.argv[1:])
    run(cli)


if __name__ == "__main__":
    main()
