"""Command-line interface, `app …`. Expected failures print one line and exit with code 1."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup

from app.commands.invocation import as_invoked, program

COMMAND_MODULES = {
    "setup": "app.commands.setup",
    "generate-secrets": "app.commands.setup",
    "serve": "app.commands.serve",
    "worker": "app.commands.worker",
    "seed": "app.commands.seed",
    "shell": "app.commands.shell",
    "cleanup": "app.commands.cleanup",
    "db": "app.commands.database",
    "translate": "app.commands.translate",
    "users": "app.commands.users",
    "routes": "app.commands.introspection",
    "features": "app.commands.introspection",
    "settings": "app.commands.introspection",
    "openapi": "app.commands.openapi",
}
"""The module of each command, which has `add_to(cli)`."""

if find_spec("app.commands.backup"):
    COMMAND_MODULES |= dict.fromkeys(("backup", "backup-key", "restore"), "app.commands.backup")
if find_spec("app.commands.doctor"):
    COMMAND_MODULES["doctor"] = "app.commands.doctor"

if find_spec("scaffold"):  # a development tool: not part of the app, not in the image
    COMMAND_MODULES |= dict.fromkeys(("new", "check"), "scaffold.commands")
    COMMAND_MODULES["client"] = "scaffold.client_command"
    changes = ("add", "change", "remove", "rename", "destroy")
    COMMAND_MODULES |= dict.fromkeys(changes, "scaffold.change_commands")


class SortedGroup(TyperGroup):
    """A group whose help lists its commands alphabetically."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - its type is private
        """Return the names of the commands."""
        return sorted(self.commands)


def load_commands(arguments: Sequence[str]) -> typer.Typer:
    """Import only the requested command, or all of them for `--help`, to keep startup fast and memory use low."""
    requested = [COMMAND_MODULES[name] for name in arguments[:1] if name in COMMAND_MODULES]
    cli = typer.Typer(
        cls=SortedGroup,
        help="Run and manage the project.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    cli.callback()(lambda: None)  # without a callback, Typer drops the name of a single command
    for module in requested or dict.fromkeys(COMMAND_MODULES.values()):
        try:
            import_module(module).add_to(cli)
        except ValueError as error:  # an invalid catalog
            _exit_with_message(error)
            raise
    return cli


def run(cli: typer.Typer) -> None:
    """Run a command. Expected failures print one line and exit with code 1; bugs print a traceback."""
    try:
        cli(prog_name=program())
    except SystemExit as error:
        sys.exit(as_invoked(error.code) if isinstance(error.code, str) else error.code)
    except Exception as error:
        _exit_with_message(error)
        raise


def _exit_with_message(error: Exception) -> None:
    """Exit if the failure was expected."""
    from app.commands.error_messages import error_message  # noqa: PLC0415 - imports every library that may fail

    if message := error_message(error):
        sys.exit(as_invoked(message))
