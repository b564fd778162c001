"""`app users …`: accounts from the command line."""

import asyncio
import secrets
import sys
from typing import Annotated

import typer

from app.accounts import users
from app.accounts.authenticator import build_authenticator
from app.database import opened_database
from app.settings import Settings, load_settings

accounts = typer.Typer(no_args_is_help=True)


def add_to(cli: typer.Typer) -> None:
    """Add this group to the command line."""
    cli.add_typer(accounts, name="users", help="Accounts.")


@accounts.callback()
def _group() -> None:
    """Accounts."""


@accounts.command()
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
    try:
        asyncio.run(_create_admin(load_settings(), email, password))
    except users.EmailTaken:
        sys.exit(f"app: {email} has an account already; nothing was changed.")
    typer.echo(f"{email} can sign in" + ("." if given else f" with {password} (shown once)."))


async def _create_admin(settings: Settings, email: str, password: str) -> None:
    async with opened_database(settings.database) as database:
        authenticator = build_authenticator(settings, database)
        await users.create_admin(database, authenticator, email=email, password=password)
