"""`python -m app …` is `app …`."""

import sys

from app.cli import load_commands, run
from app.collector import spared


def main() -> None:
    """Run a command."""
    with spared():
        cli = load_commands(sys.argv[1:])
    run(cli)


if __name__ == "__main__":
    main()
