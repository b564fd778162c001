"""Rate limits for sign-in.

Unknown devices share one counter per account. Known devices have their own, so that an attacker can't lock the owner
out. https://owasp.org/www-community (device cookies)
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from app.accounts import events
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.email_addresses import normalize_email
from app.accounts.events import Event
from app.accounts.scope import Client
from app.api.rate_limits import Bucket, RateLimit, TooManyAttempts
from app.database.connection import Database
from app.settings.config import AuthSettings

# NIST SP 800-63B-4 §3.2.2: at most 100 consecutive failed attempts, regardless of time.
_MAX_CONSECUTIVE, _CONSECUTIVE_WINDOW = 100, timedelta(days=30)


def client_limits(settings: AuthSettings, client: Client) -> list[Bucket]:
    """Return the bucket of an IP address (IPv6: /64), for all accounts."""
    return [(RateLimit("login-client", settings.ip_attempts_per_minute, timedelta(minutes=1)), client.network)]


def account_limits(settings: AuthSettings, email: str) -> list[Bucket]:
    """Return the buckets of unknown devices for an email address, registered or not."""
    often = RateLimit("login", settings.login_attempts, settings.login_window)
    address = normalize_email(email)
    return [(often, address), (RateLimit("login-in-a-row", _MAX_CONSECUTIVE, _CONSECUTIVE_WINDOW), address)]


def device_limits(settings: AuthSettings, device: str) -> list[Bucket]:
    """Return the bucket of a known device."""
    return [(RateLimit("login-device", settings.login_attempts, settings.login_window), device)]


def session_limits(settings: AuthSettings, session_id: UUID) -> list[Bucket]:
    """Return the bucket of a session."""
    return [(RateLimit("login-session", settings.login_attempts, settings.login_window), str(session_id))]


async def hit_limits(
    database: Database,
    authenticator: Authenticator,
    buckets: Sequence[Bucket],
    client: Client,
    *,
    user_id: UUID | None = None,
) -> None:
    """Count an attempt before checking the password. Call it outside a transaction.

    Raises:
        TooManyAttempts: when a limit is exceeded. The first time is recorded as an event.
    """
    for limit, subject in buckets:
        try:
            await authenticator.rate_limiter.hit(limit, subject)
        except TooManyAttempts as error:
            if error.is_first:
                await events.record_and_commit(database, Event.LOGIN_LOCK, client, user_id=user_id, limit=limit.name)
            raise


async def clear_limits(authenticator: Authenticator, buckets: Sequence[Bucket]) -> None:
    """Reset counters after a correct password."""
    await authenticator.rate_limiter.clear(buckets)


async def clear_account(authenticator: Authenticator, email: str) -> None:
    """Reset the counters of an account after a password reset."""
    await clear_limits(authenticator, account_limits(authenticator.settings, email))
