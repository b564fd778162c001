"""`app users …`: manage user accounts."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app import features
from app.accounts import events, users
from app.accounts.credentials.authenticator import Authenticator, BearerScheme, build_authenticator
from app.accounts.events import Event
from app.accounts.lifecycle import password_reset
from app.accounts.models import User
from app.accounts.scope import COMMAND_LINE
from app.accounts.sessions import revocation
from app.commands.invocation import say
from app.database.connection import Database, open_database
from app.settings.config import load_settings

accounts = typer.Typer(no_args_is_help=True)

Email = Annotated[str, typer.Option(help="Email address of the account")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input")]


def add_to(cli: typer.Typer) -> None:
    """Add this group to the command line."""
    cli.add_typer(accounts, name="users", help="Manage user accounts.")


@accounts.command("list")
def list_users() -> None:
    """List all accounts with email, status and roles."""
    asyncio.run(_list())


@accounts.command()
def create(email: Email, *, password_stdin: PasswordStdin = False) -> None:
    """Create an account. Fails if the email is taken."""
    _create(email, password_stdin=password_stdin, admin=False)


@accounts.command()
def create_admin(email: Email, *, password_stdin: PasswordStdin = False) -> None:
    """Create an admin account. Fails if the email is taken."""
    _create(email, password_stdin=password_stdin, admin=True)


@accounts.command()
def reset_password(email: Email, *, password_stdin: PasswordStdin = False) -> None:
    """Set a new password, end all sessions and revoke all API keys."""
    password, note = _password(from_stdin=password_stdin)

    async def reset() -> None:
        async with _opened() as (database, authenticator):
            await password_reset.set_password(database, authenticator, email, password)

    asyncio.run(reset())
    say(f"{email} can sign in{note}.")


@accounts.command()
def promote(email: Email) -> None:
    """Grant the admin role to an account."""
    _change(email, "is now an admin", admin=True)


@accounts.command()
def demote(email: Email) -> None:
    """Revoke the admin role of an account."""
    _change(email, "is no longer an admin", admin=False)


@accounts.command()
def disable(email: Email) -> None:
    """Disable an account, end its sessions and revoke its API keys."""
    _change(email, "was disabled", active=False)


@accounts.command()
def enable(email: Email) -> None:
    """Enable a disabled account."""
    _change(email, "was enabled", active=True)


def _password(*, from_stdin: bool) -> tuple[str, str]:
    """Return the password and the text that shows it; a password from standard input isn't shown."""
    if not from_stdin:
        password = secrets.token_urlsafe(15)
        return password, f" with password {password} (shown once)"
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        sys.exit("app: no password on standard input.")
    return password, ""


def _create(email: str, *, password_stdin: bool, admin: bool) -> None:
    password, note = _password(from_stdin=password_stdin)

    async def create_account() -> None:
        async with _opened() as (database, authenticator), database.sessions.begin() as session:
            user = await users.create_user(session, authenticator, email=email, password=password)
            if admin:
                await users.grant_admin(session, user)

    try:
        asyncio.run(create_account())
    except users.EmailTaken:
        sys.exit(f"app: an account with {email} already exists. Use `app users reset-password` or `app users promote`.")
    say(f"{email} can sign in{note}.")


async def _list() -> None:
    async with _opened() as (database, _), database.read_sessions() as session:
        for user in await session.scalars(select(User).options(selectinload(User.roles)).order_by(User.email_key)):
            state = "disabled" if not user.is_active else "active" if user.email_verified_at else "unverified"
            say(f"{user.email:<40} {state:<10} {' '.join(sorted(role.name for role in user.roles))}".rstrip())


def _change(email: str, outcome: str, *, admin: bool | None = None, active: bool | None = None) -> None:
    async def change() -> None:
        async with _opened() as (database, authenticator), database.sessions.begin() as session:
            user = await users.get_user_by_email(session, email)
            if admin is not None:
                await (users.grant_admin if admin else users.revoke_admin)(session, user)
                await events.record(session, Event.ROLES_CHANGED, COMMAND_LINE, user_id=user.id)
            if active is not None:
                await revocation.set_active(session, authenticator, user, COMMAND_LINE, active=active)

    asyncio.run(change())
    say(f"{email} {outcome}.")


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[Database, Authenticator]]:
    """Open the database, and load the bearer schemes of features, which revoke their credentials."""
    settings = load_settings()
    features.load_models()
    async with open_database(settings.database) as database:
        schemes = features.read_exports("bearer", "scheme", BearerScheme)
        yield database, build_authenticator(settings, database, bearer_schemes=schemes)
