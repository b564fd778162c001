"""`app cleanup`: delete expired rows; the server also does this once a day."""

import asyncio
from collections.abc import Mapping

import typer

from app.accounts.lifecycle import cleanup
from app.commands.invocation import say
from app.database.connection import open_database
from app.settings.config import Settings, load_settings


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("cleanup")(clean_up)


def clean_up() -> None:
    """Delete expired events, sessions and emails, and accounts never verified. Retention is set by CLEANUP_*."""
    for name, count in asyncio.run(_clean_up(load_settings())).items():
        say(f"{count:>8}  {name}")


async def _clean_up(settings: Settings) -> Mapping[str, int]:
    async with open_database(settings.database.for_maintenance()) as database:
        return await cleanup.clean_up(database, settings.cleanup)
