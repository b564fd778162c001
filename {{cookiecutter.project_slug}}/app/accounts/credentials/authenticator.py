"""Process-wide authentication services, and protocols for features that extend sign-in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.credentials.access_tokens import AccessTokens
from app.accounts.credentials.passwords import PasswordHasher
from app.accounts.models import User
from app.accounts.scope import Client, Scope
from app.api.rate_limits import RateLimiter
from app.database.connection import Database
from app.mail.mailer import Mailer
from app.settings.config import AuthSettings, Settings
from app.settings.keys import KeyRing

TEMPLATES = Path(__file__).parents[1] / "templates"


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A second factor, which a feature defines in its `login.py`."""

    name: str
    """What the API calls it, among the `methods` of a challenge."""
    page: str
    """Path of its sign-in page."""
    is_enabled: Callable[[AsyncSession, UUID], Awaitable[bool]]
    """Return whether this user has it enabled."""
    create_challenge: Callable[[AsyncSession, "Authenticator", User], Awaitable[str]]
    """Open a challenge and return its secret, which the next step must bring."""
    remove: Callable[[AsyncSession, "Authenticator", User, Client], Awaitable[None]]
    """Disable it for a user, end their sessions and notify them."""
    save: Callable[[AsyncSession, UUID], Awaitable[Any]]
    """Return what this user has now, as JSON, when their address changes; none when they have nothing."""
    restore: Callable[[AsyncSession, UUID, Any, datetime], Awaitable[None]]
    """Give the user back what was saved at that moment, and remove what was added since: the change is taken back."""


@dataclass(frozen=True, slots=True)
class BearerScheme:
    """An additional type of bearer token, which a feature defines in its `bearer.py`."""

    prefix: str
    """Prefix of these tokens."""
    authenticate: Callable[[Database, "Authenticator", str, Client], Awaitable[Scope | None]]
    """Return the caller, or None if the token is invalid."""
    revoke_all: Callable[[AsyncSession, UUID, Client], Awaitable[None]]
    """Revoke all tokens of a user."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Made once, by `build_authenticator`, and passed to the functions of this package."""

    settings: AuthSettings
    project_name: str
    base_url: str
    """Of the links in mails, without a slash at the end."""
    keys: KeyRing
    tokens: AccessTokens
    passwords: PasswordHasher
    mailer: Mailer
    rate_limiter: RateLimiter
    second_factors: Sequence[SecondFactor] = ()
    bearer_schemes: Sequence[BearerScheme] = ()


def build_authenticator(
    settings: Settings,
    database: Database,
    *,
    template_folders: Sequence[Path] = (),
    second_factors: Sequence[SecondFactor] = (),
    bearer_schemes: Sequence[BearerScheme] = (),
) -> Authenticator:
    """Derive the keys and measure out the password hasher; the rest is what the features add."""
    keys = KeyRing(settings)
    return Authenticator(
        settings.auth,
        settings.project_name,
        str(settings.base_url).rstrip("/"),
        keys,
        AccessTokens(settings, keys),
        PasswordHasher(settings.auth),
        Mailer(settings, keys, [TEMPLATES, *template_folders]),
        RateLimiter(settings, database, keys),
        second_factors,
        bearer_schemes,
    )
