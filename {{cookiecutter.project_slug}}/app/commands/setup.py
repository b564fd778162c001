"""`app setup` and `app secrets`: from nothing to a usable project, and nothing changed the second time."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from app.accounts import users
from app.accounts.credentials.authenticator import build_authenticator
from app.commands.invocation import say
from app.commands.login_hint import login_hint
from app.database import migrate
from app.database.connection import open_database
from app.settings.config import Settings, load_settings, validation_errors

FIRST_ADMIN = "admin@example.com"


def add_to(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    cli.command("setup")(set_up)
    cli.command("secrets")(write_secrets)


def set_up() -> None:
    """Write .env with a fresh secret, migrate the database, create the first admin: what of it is missing."""
    if admin := run_setup():
        say("\n".join(["", *admin, ""]))


def run_setup() -> list[str]:
    """Do so, saying what was done, and return the lines about the first admin; none when there is a user."""
    settings = _settings_with_secret()
    applied = migrate.upgrade(settings.database)
    password = asyncio.run(_create_first_admin(settings))
    say(migrate.summary(applied))
    if password is None:
        say("There are users: no admin was created." if applied else "There are users: nothing was changed.")
        return []
    created = f"Created the first admin. {login_hint(settings)} with"
    return [created, "", f"    {FIRST_ADMIN}", f"    {password}", "", "This password is shown once."]


def write_secrets(
    folder: Annotated[Path, typer.Argument(help="Folder that is read as SECRETS_DIR")],
) -> None:
    """Write random secrets into a folder, one file each, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("secret_key", "database_password"):
        path = folder / name
        if path.exists():
            say(f"{path} is there: kept.")
        else:
            _write_private(path, secrets.token_urlsafe(48))
            say(f"{path} was written.")


def _settings_with_secret() -> Settings:
    """Load the settings; when a secret key is all that is missing, make one and keep it in `.env`."""
    try:
        return load_settings()
    except ValidationError as error:
        wrong = [(item["loc"], item["type"]) for item in validation_errors(error)]
        if wrong != [(("secret_key",), "missing")]:
            raise
    _add_secret(Path(".env"))
    say("Wrote a fresh SECRET_KEY into .env.")
    return load_settings()


def _add_secret(path: Path) -> None:
    """Make `.env`, or add to the one that is there; only its owner can read it from now on."""
    before = (
        path.read_text() if path.exists() else "# Settings of this machine; never commit it. .env.example lists all.\n"
    )
    text = f"{before.rstrip()}\nSECRET_KEY={secrets.token_urlsafe(48)}\n"
    fresh = path.with_name(f".env.{secrets.token_hex(4)}")
    _write_private(fresh, text)
    fresh.replace(path)  # at once, so that nothing is lost when this is interrupted


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, and never over another."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


async def _create_first_admin(settings: Settings) -> str | None:
    """Make the first admin and return the password, or nothing when there is a user."""
    async with open_database(settings.database) as database:
        async with database.reads() as session:
            if await users.has_users(session):
                return None
        password = secrets.token_urlsafe(15)
        authenticator = build_authenticator(settings, database)
        await users.create_admin(database, authenticator, email=FIRST_ADMIN, password=password)
        return password
