"""`app db lint`."""

import sys
from typing import Annotated

import typer

from app.commands.invocation import say
from app.database import migrate
from scaffold.migration_lint import ACCEPT, lint


def add_to(migrations: typer.Typer) -> None:
    """Add this command to `app db`."""
    migrations.command("lint")(lint_migrations)


def lint_migrations(
    since: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Check only the migrations after this one")
    ] = None,
) -> None:
    """Find migrations that block other transactions, or that the previous release can't run with."""
    found = lint(migrate.MIGRATIONS_DIR, since)
    for finding in found:
        say(str(finding))
    if found:
        sys.exit(f"app: {ACCEPT}")
    say("No migration blocks others or the previous release without saying so.")
