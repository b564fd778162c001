"""`python -m app …` is `app …`."""

import sys

from app.commands.gc_freeze import freeze_gc


def main() -> None:
    """Run a command."""
    with freeze_gc():
        from app.cli import load_commands, run  # noqa: PLC0415 - server processes import this module, but run no command

        cli = load_commands(sys.argv[1:])
    run(cli)


if __name__ == "__main__":
    main()
