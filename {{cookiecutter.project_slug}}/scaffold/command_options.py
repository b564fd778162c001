"""Options that several commands take, and what they print."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from alembic.util import CommandError
from jinja2 import TemplateSyntaxError, UndefinedError

from app.commands.invocation import say
from scaffold.errors import ScaffoldError
from scaffold.field_types import FIELD_TYPES
from scaffold.project import Project

Name = Annotated[str, typer.Argument(help="Name of the resource in CamelCase, for example BookReview")]
Fields = Annotated[
    list[str] | None, typer.Argument(help="Fields as name:type[=…][:modifier…], for example title:str=200:unique")
]
Unique = Annotated[
    list[str] | None, typer.Option("--unique", help="Fields that are unique together: project,number. Repeatable")
]
Expand = Annotated[
    bool,
    typer.Option(
        "--expand", help="Write two migrations, so that the previous release can run until the second one is applied"
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change without changing anything")]
Migrate = Annotated[bool, typer.Option("--migrate", help="Also apply migrations")]
Verify = Annotated[bool, typer.Option("--verify", help="Also run the checks and the new tests")]
Check = Annotated[
    list[str] | None, typer.Option("--check", help='A comparison of fields: "ends_at > starts_at". Repeatable')
]
_TYPES = ", ".join(field_type.arguments or name for name, field_type in FIELD_TYPES.items())
GRAMMAR = f"""A field is name:type, followed by modifiers. Types: {_TYPES}.
Modifiers: optional, unique, globally, index, search, title, readonly, default=…, min=…, max=…,
types=pdf,docx, from=FIELD, on_delete=restrict|cascade|null.
ref=User and many=User refer to users.
Example: title:str=200:unique status:enum=draft,live:default=draft author:ref=Author:optional"""


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Print each error on its own line and exit with code 1."""
    try:
        yield
    except ScaffoldError as error:
        sys.exit(_format_errors(error.messages))
    except SyntaxError as error:
        sys.exit(_format_errors([f"{error.filename}, line {error.lineno}: {error.msg}"]))
    except TemplateSyntaxError as error:
        sys.exit(_format_errors([f"{error.filename}, line {error.lineno}: {error.message}"]))
    except (OSError, CommandError, UndefinedError) as error:
        sys.exit(_format_errors([str(error)]))


def _format_errors(errors: list[str]) -> str:
    if len(errors) == 1:
        return f"app: {errors[0]} (nothing was changed)"
    return "\n  ".join(["app: nothing was changed because of these errors:", *errors])


def constraint_options(unique: list[str] | None, check: list[str] | None) -> list[str]:
    """Return the options as words of a command line."""
    given = [("--unique", names) for names in unique or []] + [("--check", text) for text in check or []]
    return [part for option in given for part in option]


def print_paths(action: str, paths: Sequence[str], *, dry_run: bool) -> None:
    """Print what was done to each file, or would be."""
    if not paths:
        say("Already up to date; nothing to do.")
    for path in paths:
        say(f"{'would be ' if dry_run else ''}{action}  {path}")


def follow_up(tests: str, *, run_migration: bool, verify: bool) -> None:
    """Run the follow-up commands, each in a new process that imports the new code."""
    if run_migration:
        _run("app", "db", "upgrade")
    if verify:
        _run("app", "check")
        _run("pytest", "-q", tests)


def _run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=Project().root, check=False)  # noqa: S603 - fixed arguments
    if done.returncode:
        sys.exit(done.returncode)
