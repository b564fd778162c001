"""`app users …`: accounts from the command line."""

import asyncio
import secrets
import sys
from typing import Annotated

import typer

from app.accounts import users
from app.accounts.authenticator import build_authenticator
from app.database import open_database
from app.settings import Settings, load_settings

cli = typer.Typer(no_args_is_help=True)


@cli.callback()
def _group() -> None:
    """Accounts."""


@cli.command()
def create_admin(
    email: Annotated[str, typer.Option(help="Address to sign in with")],
    *,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input")
    ] = False,
) -> None:
    """Make an account with the admin role; an account that exists keeps its password and is left alone."""
    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    if given == "":
        sys.exit("app: there is no password on standard input.")
    password = given or secrets.token_urlsafe(15)
    if not asyncio.run(_create_admin(load_settings(), email, password)):
        sys.exit(f"app: {email} has an account already; nothing was changed.")
    typer.echo(f"{email} can sign in" + ("." if given else f" with {password} (shown once)."))


async def _create_admin(settings: Settings, email: str, password: str) -> bool:
    """Make the admin; false when the address has an account."""
    database = open_database(settings.database)
    try:
        async with database.reads() as session:
            if await users.find_user(session, email) is not None:
                return False
        authenticator = build_authenticator(settings, database)
        async with database.sessions.begin() as session:
            user = await users.create_user(session, authenticator, email=email, password=password)
            await users.grant_admin(session, user)
            return True
    finally:
        await database.engine.dispose()
