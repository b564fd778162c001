"""`app cleanup`: delete expired rows; the server also does this once a day."""

import asyncio
import sys
from collections.abc import Mapping

import typer

from app import features
from app.accounts.lifecycle import cleanup
from app.accounts.lifecycle.cleanup import CleanupTask
from app.commands.invocation import say
from app.database.connection import open_database
from app.settings.config import Settings, load_settings


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("cleanup")(clean_up)


def clean_up() -> None:
    """Delete expired events, sessions and emails, accounts never verified, and what features clean up.

    Retention is set by CLEANUP_*. Exits with 1 if a part failed; the others are done.
    """
    counts = asyncio.run(_clean_up(load_settings()))
    for name, count in counts.items():
        say(f"{'failed' if count is None else count:>8}  {name}")
    if None in counts.values():
        sys.exit("app: part of the cleanup failed; the errors are above.")


async def _clean_up(settings: Settings) -> Mapping[str, int | None]:
    features.load_models()
    tasks = features.read_exports("cleanup", "task", CleanupTask)
    async with open_database(settings.database.for_maintenance()) as database:
        return await cleanup.clean_up(database, settings.cleanup, tasks)
