"""The command line, `app …`: every command explains itself with `--help`, and fails in one sentence."""

import sys
from importlib import import_module
from importlib.util import find_spec

import typer
from alembic.script.revision import MultipleHeads
from alembic.util import CommandError
from asyncpg import PostgresError
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError, DBAPIError

from app.commands import cleanup, database, inspect, serve, setup, users, worker
from app.errors import Problem
from app.settings import all_settings, problems_of

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
cli.command("setup")(setup.set_up)
cli.command("secrets")(setup.write_secrets)
cli.command("serve")(serve.serve)
cli.command("worker")(worker.send_mails)
cli.command("cleanup")(cleanup.clean_up)
cli.add_typer(database.cli, name="db", help="Migrations.")
cli.add_typer(users.cli, name="users", help="Accounts.")
cli.command("routes")(inspect.list_routes)
cli.command("features")(inspect.list_features)
cli.command("settings")(inspect.list_settings)
if find_spec("scaffold"):  # it is a tool: not in an image, and no part of the application
    import_module("scaffold.commands").add_to(cli)


def main() -> None:
    """Run a command; an expected failure is one sentence and exit code 1, a bug a traceback."""
    try:
        cli()
    except ValidationError as error:
        sys.exit(_explain_settings(error))
    except Problem as problem:
        sys.exit(f"app: {problem.title}. {problem.detail or ''}".rstrip())
    except ArgumentError as error:
        sys.exit(f"app: DATABASE_URL: {error}")
    except CommandError as error:
        sys.exit(_explain_migrations(error))
    except (DBAPIError, PostgresError, OSError) as error:
        sys.exit(_explain_database(error))


def _explain_migrations(error: CommandError) -> str:
    """Say what Alembic found."""
    if isinstance(error.__cause__, MultipleHeads):
        return "app: two branches made a migration each. Join them with `app db merge`, and commit what it writes."
    hint = " Run `app db upgrade` first." if "not up to date" in str(error) else ""
    return f"app: {error}{hint}"


def _explain_database(error: DBAPIError | PostgresError | OSError) -> str:
    """Say what the database, or the file system, answered."""
    if isinstance(error, OSError) and error.filename:
        return f"app: {error.filename}: {error.strerror}."
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"app: the database answered: {cause}. Check DATABASE_URL; if a table is missing, run `app db upgrade`."


def _explain_settings(error: ValidationError) -> str:
    """Say for each wrong setting which variable it is, and what is wrong."""
    variables = {setting.path: setting.variable for setting in all_settings()}
    lines = ["app: the settings are not usable:"]
    for item in problems_of(error):
        path = tuple(str(part) for part in item["loc"])
        name = variables.get(path[:2]) or variables.get(path[:1]) or "settings"
        hint = " (`app setup` makes one)" if name == "SECRET_KEY" and item["type"] == "missing" else ""
        lines.append(f"  {name}: {item['msg'].removeprefix('Value error, ')}{hint}")
    return "\n".join([*lines, "Set them in the environment or in .env; `.env.example` lists all."])
