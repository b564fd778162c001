"""The command line, `app …`: every command explains itself with `--help`, and fails in one sentence."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

import typer

from app.commands.invocation import as_invoked, program

COMMAND_MODULES = {
    "setup": "app.commands.setup",
    "secrets": "app.commands.setup",
    "serve": "app.commands.serve",
    "worker": "app.commands.worker",
    "cleanup": "app.commands.cleanup",
    "db": "app.commands.database",
    "users": "app.commands.users",
    "routes": "app.commands.introspection",
    "features": "app.commands.introspection",
    "settings": "app.commands.introspection",
}
"""The module of each command, which has `add_to(cli)`."""

if find_spec("scaffold"):  # it is a tool: not in an image, and no part of the application
    COMMAND_MODULES |= dict.fromkeys(("new", "add", "destroy", "check"), "scaffold.commands")


def load_commands(arguments: Sequence[str]) -> typer.Typer:
    """Load the command that is asked for, and all when none is: a server carries no other, and no command waits."""
    asked = [COMMAND_MODULES[name] for name in arguments[:1] if name in COMMAND_MODULES]
    cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    cli.callback()(lambda: None)  # without one, a command that is alone loses its name
    for module in asked or dict.fromkeys(COMMAND_MODULES.values()):
        import_module(module).add_to(cli)
    return cli


def run(cli: typer.Typer) -> None:
    """Run a command; an expected failure is one sentence and exit code 1, a bug a traceback."""
    try:
        cli(prog_name=program())
    except SystemExit as end:
        sys.exit(as_invoked(end.code) if isinstance(end.code, str) else end.code)
    except Exception as error:
        from app.commands.error_messages import error_message  # noqa: PLC0415 - it knows every library that may fail

        if sentence := error_message(error):
            sys.exit(as_invoked(sentence))
        raise
