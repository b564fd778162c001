"""Login challenges: issued for a correct password, exchanged with a code for a session.

A challenge expires after five minutes, allows five attempts and works once. Attempts are also limited per user, so
that an attacker who knows the password gets no more of them with another challenge.
"""

import secrets
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events
from app.accounts.credentials import notifications
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import User
from app.accounts.scope import Client
from app.accounts.sessions import login_rate_limits
from app.api.rate_limits import Bucket, RateLimit, TooManyAttempts
from app.database.base import utc_now
from app.database.connection import Database
from app.errors import Unauthorized
from app.features.second_factor import recovery_codes, totp
from app.features.second_factor.encryption import decrypt_secret, encrypt_secret
from app.features.second_factor.models import LoginChallenge, TotpSecret

CHALLENGE_TTL = timedelta(minutes=5)
MAX_ATTEMPTS = 5


class InvalidChallenge(Unauthorized):
    """The challenge is unknown, expired, already used, or had too many attempts; sign in again."""

    title = "Sign in again"


class WrongCode(Unauthorized):
    """The code is wrong or was already used."""

    title = "Incorrect code"


class _OpenChallenge(NamedTuple):
    """A challenge that can still be completed."""

    id: UUID
    user_id: UUID


class _Match(NamedTuple):
    """The entered code: a TOTP of a time step, or the recovery code with a number."""

    step: int | None = None
    number: int | None = None
    encrypted: bytes | None = None
    """The TOTP secret, encrypted again with the current key, so that it outlives `SECRET_KEY_FALLBACKS`."""


async def create_challenge(session: AsyncSession, authenticator: Authenticator, user: User) -> str:
    """Create a challenge for a user whose password was correct, and return its token."""
    now, raw = utc_now(), secrets.token_urlsafe(32)
    expired = delete(LoginChallenge).where(LoginChallenge.user_id == user.id, LoginChallenge.expires_at <= now)
    await session.execute(expired)
    token_hash = authenticator.keys.digest("login-challenge", raw)
    session.add(LoginChallenge(user_id=user.id, token_hash=token_hash, created_at=now, expires_at=now + CHALLENGE_TTL))
    await session.flush()
    return raw


async def answer_challenge(
    database: Database, authenticator: Authenticator, raw: str, code: str, client: Client
) -> User:
    """Complete a challenge and return its user, who has now authenticated with both factors.

    Raises:
        InvalidChallenge: when it is unknown, expired or used.
        TooManyAttempts: when there were too many attempts for the user, even if this code is correct.
        WrongCode: when the code is wrong or was already used.
    """
    opened = await _count_attempt(database, authenticator, raw)
    bucket = _bucket(authenticator, opened.user_id)
    try:
        await login_rate_limits.hit_limits(database, authenticator, [bucket], client, user_id=opened.user_id)
    except TooManyAttempts as error:
        if error.is_first:
            await _notify_locked(database, authenticator, opened.user_id)
        raise
    match = await _match(database, authenticator, opened.user_id, code)
    user = await _complete(database, authenticator, opened, match, client) if match else None
    if user is None:
        await events.record_and_commit(database, Event.SECOND_FACTOR_FAIL, client, user_id=opened.user_id)
        raise WrongCode
    await login_rate_limits.clear_limits(authenticator, [bucket])
    return user


def _bucket(authenticator: Authenticator, user_id: UUID) -> Bucket:
    """Return the rate limit of codes: that of passwords, per user and across challenges."""
    settings = authenticator.settings
    return RateLimit("second-factor", settings.login_attempts, settings.login_window), str(user_id)


async def _notify_locked(database: Database, authenticator: Authenticator, user_id: UUID) -> None:
    """Notify the user: anyone who guesses codes knows the password."""
    async with database.sessions.begin() as session:
        user = await session.get_one(User, user_id)
        await notifications.notify(session, authenticator, user.id, user.email, "second_factor_locked")


async def _count_attempt(database: Database, authenticator: Authenticator, raw: str) -> _OpenChallenge:
    """Count the attempt before the code is checked, so that concurrent requests can't exceed the limit."""
    now = utc_now()
    owner = exists().where(
        User.id == LoginChallenge.user_id,
        User.is_active,
        # A challenge is invalid once the password has been changed.
        or_(User.password_changed_at.is_(None), User.password_changed_at <= LoginChallenge.created_at),
    )
    async with database.sessions.begin() as session:
        counted = await session.execute(
            update(LoginChallenge)
            .where(
                LoginChallenge.token_hash.in_(authenticator.keys.digests("login-challenge", raw)),
                LoginChallenge.used_at.is_(None),
                LoginChallenge.expires_at > now,
                LoginChallenge.attempts < MAX_ATTEMPTS,
                owner,
            )
            .values(attempts=LoginChallenge.attempts + 1)
            .returning(LoginChallenge.id, LoginChallenge.user_id)
        )
        row = counted.one_or_none()
    if row is None:
        raise InvalidChallenge
    return _OpenChallenge(*row)


async def _match(database: Database, authenticator: Authenticator, user_id: UUID, entered: str) -> _Match | None:
    """Return which code this is, whether or not it was used before."""
    async with database.read_sessions() as session:
        query = select(TotpSecret.secret).where(TotpSecret.user_id == user_id, TotpSecret.confirmed_at.is_not(None))
        stored = await session.scalar(query)
    if stored is None:
        return None
    secret = decrypt_secret(authenticator.keys, stored)
    step = totp.match_time_step(secret, entered, utc_now()) if secret else None
    if secret and step is not None:
        return _Match(step=step, encrypted=encrypt_secret(authenticator.keys, secret))
    number = await recovery_codes.verify_code(database, authenticator, user_id, entered)
    return _Match(number=number) if number is not None else None


async def _complete(
    database: Database, authenticator: Authenticator, opened: _OpenChallenge, match: _Match, client: Client
) -> User | None:
    """Consume the code and the challenge; None if a concurrent request consumed either."""
    async with database.sessions.begin() as session:
        if not await _consume(session, opened.user_id, match):
            return None
        closed = await session.execute(
            update(LoginChallenge)
            .where(LoginChallenge.id == opened.id, LoginChallenge.used_at.is_(None))
            .values(used_at=utc_now())
            .returning(LoginChallenge.id)
        )
        if closed.one_or_none() is None:
            return None
        user = await session.get_one(User, opened.user_id)
        if match.number is not None:
            await _record_recovery_code_use(session, authenticator, user, match.number, client)
    return user


async def _consume(session: AsyncSession, user_id: UUID, match: _Match) -> bool:
    """Consume the code; False if it was used. The conditional update lets one of concurrent requests succeed."""
    if match.number is not None:
        return await recovery_codes.consume_code(session, user_id, match.number)
    used = await session.execute(
        update(TotpSecret)
        .where(TotpSecret.user_id == user_id, TotpSecret.last_used_step < match.step)
        .values(last_used_step=match.step, secret=match.encrypted)
        .returning(TotpSecret.user_id)
    )
    return used.one_or_none() is not None


async def _record_recovery_code_use(
    session: AsyncSession, authenticator: Authenticator, user: User, number: int, client: Client
) -> None:
    """Record the event and notify the user: an attacker may have found the codes."""
    left = await recovery_codes.count_codes(session, user.id)
    await events.record(session, Event.RECOVERY_CODE_USED, client, user_id=user.id, left=left, number=number)
    await notifications.notify(session, authenticator, user.id, user.email, "recovery_code_used", left=left)
