"""`app setup` and `app generate-secrets`: idempotent first-time setup."""

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
    cli.command("generate-secrets")(generate_secrets)


def set_up() -> None:
    """Set up the project: create .env with a secret key, apply migrations and create the first admin.

    Skips steps that are already done.
    """
    if admin := run_setup():
        say("\n".join(["", *admin, ""]))


def run_setup() -> list[str]:
    """Run the setup, print each step, and return the lines about the first admin; empty if users exist."""
    settings = _settings_with_secret()
    applied = migrate.upgrade(settings.database)
    password = asyncio.run(_create_first_admin(settings))
    say(migrate.summary(applied))
    if password is None:
        say("Users already exist; no admin was created." if applied else "Already set up; nothing to do.")
        return []
    created = f"Created an admin user. {login_hint(settings)} with"
    return [created, "", f"    {FIRST_ADMIN}", f"    {password}", "", "This password won't be shown again."]


def generate_secrets(
    directory: Annotated[Path, typer.Argument(help="Directory to write to; set SECRETS_DIR to read from it")],
) -> None:
    """Generate a secret key and a database password as files in a directory. Existing files are kept."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("secret_key", "database_password"):
        path = directory / name
        if path.exists():
            say(f"{path} already exists, skipped.")
        else:
            _write_private(path, secrets.token_urlsafe(48))
            say(f"Wrote {path}.")


def _settings_with_secret() -> Settings:
    """Load the settings; if only the secret key is missing, generate one and store it in `.env`."""
    try:
        return load_settings()
    except ValidationError as error:
        errors = [(item["loc"], item["type"]) for item in validation_errors(error)]
        if errors != [(("secret_key",), "missing")]:
            raise
    _add_secret(Path(".env"))
    say("Wrote a new SECRET_KEY to .env.")
    return load_settings()


def _add_secret(path: Path) -> None:
    """Create `.env` or append to it, with mode 0600."""
    before = (
        path.read_text()
        if path.exists()
        else "# Local settings. Don't commit this file. .env.example lists all settings.\n"
    )
    text = f"{before.rstrip()}\nSECRET_KEY={secrets.token_urlsafe(48)}\n"
    temporary = path.with_name(f".env.{secrets.token_hex(4)}")
    _write_private(temporary, text)
    temporary.replace(path)  # atomically, so that an interrupt loses nothing


def _write_private(path: Path, text: str) -> None:
    """Create a file with mode 0600; never overwrite one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


async def _create_first_admin(settings: Settings) -> str | None:
    """Create the first admin and return its password, or None if users exist."""
    async with open_database(settings.database) as database:
        async with database.read_sessions() as session:
            if await users.has_users(session):
                return None
        password = secrets.token_urlsafe(15)
        authenticator = build_authenticator(settings, database)
        await users.create_admin(database, authenticator, email=FIRST_ADMIN, password=password)
        return password
