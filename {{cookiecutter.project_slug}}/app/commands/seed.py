"""`app seed`: add the seed data of the features."""

import asyncio
import sys
from typing import Annotated

import typer

from app import features
from app.accounts.lifecycle.seeds import Seeds, find_owner
from app.commands.invocation import say
from app.database.connection import open_database
from app.settings.config import Environment, Settings, load_settings


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("seed")(seed)


def seed(
    *,
    email: Annotated[
        str | None, typer.Option(help="Email address of the user who owns the rows [default: the first admin]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also in production")] = False,
) -> None:
    """Add example rows: the seed data of all features. Adds only what is missing, so it can be run again."""
    settings = load_settings()
    if settings.environment is Environment.PRODUCTION and not force:
        sys.exit("app: seed data is for development. Add it in production with `app seed --force`.")
    features.load_models()
    found = features.read_exports("seeds", "seeds", Seeds)
    if not found:
        say("No feature has seed data: see app/features/__init__.py.")
        return
    asyncio.run(_add(settings, found, email))


async def _add(settings: Settings, found: list[Seeds], email: str | None) -> None:
    async with open_database(settings.database) as database:
        async with database.read_sessions() as session:
            owner = await find_owner(session, email)
        say(f"Adding seed data of {owner.email}:")
        for seeds in found:
            async with database.sessions.begin() as session:
                count = await seeds.add(session, owner)
            say(f"{count:>8}  {seeds.name}")
