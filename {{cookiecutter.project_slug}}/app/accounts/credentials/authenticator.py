"""Process-wide authentication services, and protocols for features that extend sign-in."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
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
    """Its name in the API, among the `methods` of a challenge."""
    page: str
    """Path of its sign-in page."""
    is_enabled: Callable[[AsyncSession, UUID], Awaitable[bool]]
    """Return whether this user has it enabled."""
    create_challenge: Callable[[AsyncSession, "Authenticator", User], Awaitable[str]]
    """Create a challenge and return its secret, which the next step must present."""
    remove: Callable[[AsyncSession, "Authenticator", User, Client], Awaitable[None]]
    """Disable it for a user, end their sessions and notify them."""
    save: Callable[[AsyncSession, UUID], Awaitable[Any]]
    """Return the user's state as JSON, or None, to save it when their email address changes."""
    restore: Callable[[AsyncSession, UUID, Any, datetime], Awaitable[None]]
    """Restore the state saved at that time, and remove later additions, when the email change is reverted."""


@dataclass(frozen=True, slots=True)
class BearerScheme:
    """An additional type of bearer token, which a feature defines in its `bearer.py`."""

    prefix: str
    """Prefix of these tokens."""
    authenticate: Callable[[Database, "Authenticator", str, Client], Awaitable[Scope | None]]
    """Return the caller, or None if the token is invalid."""
    revoke_all: Callable[[AsyncSession, UUID, Client], Awaitable[None]]
    """Revoke all tokens of a user."""
    find_callers: Callable[[Database, Collection[UUID]], Awaitable[Mapping[UUID, Scope]]]
    """Return the callers of those tokens that are still valid, by their `Scope.session_id`, with one query.

    It is called regularly while WebSockets or event streams are open.
    """


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Services and settings of `app.accounts`, created once per process by `build_authenticator`."""

    settings: AuthSettings
    project_name: str
    base_url: str
    """Of links in emails, without a trailing slash."""
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
    """Create the authenticator; features provide templates, second factors and bearer schemes."""
    keys = KeyRing(settings)
    database.services["keys"] = keys  # for encrypted arguments of jobs
    return Authenticator(
        settings.auth,
        settings.project_name,
        str(settings.base_url).rstrip("/"),
        keys,
        AccessTokens(settings, keys),
        PasswordHasher(settings.auth),
        Mailer(settings, [TEMPLATES, *template_folders]),
        RateLimiter(settings, database, keys),
        second_factors,
        bearer_schemes,
    )
