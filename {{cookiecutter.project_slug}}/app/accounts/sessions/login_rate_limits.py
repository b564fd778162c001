"""How many passwords may be tried, and how the tries are counted.

Whoever is unknown shares one count for each account. A browser in which the owner has signed in before has a count of
its own, so that a stranger's guesses do not lock the owner out. https://owasp.org/www-community (device cookies)
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from app.accounts import events
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.scope import Client
from app.accounts.users import email_key
from app.api.rate_limits import Bucket, RateLimit, TooManyAttempts
from app.database.connection import Database
from app.settings.config import AuthSettings

# NIST SP 800-63B-4 §3.2.2: not more than 100 wrong ones in a row, however slowly they come.
_MOST_IN_A_ROW, _ROW = 100, timedelta(days=30)


def client_limits(settings: AuthSettings, client: Client) -> list[Bucket]:
    """Count what comes from one place of the network, for whichever account."""
    return [(RateLimit("login-client", settings.ip_attempts_per_minute, timedelta(minutes=1)), client.network)]


def account_limits(settings: AuthSettings, email: str) -> list[Bucket]:
    """Count what unknown devices try with an address, whether or not it has an account."""
    often = RateLimit("login", settings.login_attempts, settings.login_window)
    return [(often, email_key(email)), (RateLimit("login-in-a-row", _MOST_IN_A_ROW, _ROW), email_key(email))]


def device_limits(settings: AuthSettings, device: str) -> list[Bucket]:
    """Count what a known device tries."""
    return [(RateLimit("login-device", settings.login_attempts, settings.login_window), device)]


def session_limits(settings: AuthSettings, session_id: UUID) -> list[Bucket]:
    """Count what is tried by someone who is signed in."""
    return [(RateLimit("login-session", settings.login_attempts, settings.login_window), str(session_id))]


async def hit_limits(
    database: Database,
    authenticator: Authenticator,
    buckets: Sequence[Bucket],
    client: Client,
    *,
    user_id: UUID | None = None,
) -> None:
    """Count one attempt, before the password is looked at; call it with no transaction open.

    Raises:
        TooManyAttempts: when a bucket is full; that it is now is an event.
    """
    for limit, subject in buckets:
        try:
            await authenticator.throttle.hit(limit, subject)
        except TooManyAttempts as refusal:
            if refusal.first:
                await events.record_and_commit(database, Event.LOGIN_LOCK, client, user_id=user_id, limit=limit.name)
            raise


async def clear_limits(authenticator: Authenticator, buckets: Sequence[Bucket]) -> None:
    """Begin to count anew, for the password was right or was reset: `forgive(…, of_account(settings, email))`."""
    await authenticator.throttle.forget(buckets)
