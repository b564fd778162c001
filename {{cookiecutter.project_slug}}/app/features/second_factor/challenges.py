"""The step between the password and the session: a challenge is opened, and answered with a code.

A challenge lives for five minutes, allows five tries, and lets its user in once. Tries are also counted for the user,
so that a new challenge does not give new ones to who knows the password.
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
    """The challenge is unknown, too old, was used, or had too many tries; sign in again."""

    title = "Sign in again"


class WrongCode(Unauthorized):
    """The code is wrong, or was used before."""

    title = "Incorrect code"


class _Open(NamedTuple):
    """A challenge that may be answered."""

    id: UUID
    user_id: UUID


class _Match(NamedTuple):
    """Which code was entered: that of a step of time, or the recovery code of a number."""

    step: int | None = None
    number: int | None = None
    sealed: bytes | None = None
    """The secret, encrypted anew: it shall outlive the fallbacks of `SECRET_KEY`."""


async def create_challenge(session: AsyncSession, authenticator: Authenticator, user: User) -> str:
    """Return the secret that goes to who gave the right password, and must come back with the code."""
    now, raw = utc_now(), secrets.token_urlsafe(32)
    dead = delete(LoginChallenge).where(LoginChallenge.user_id == user.id, LoginChallenge.expires_at <= now)
    await session.execute(dead)
    token_hash = authenticator.keys.digest("login-challenge", raw)
    session.add(LoginChallenge(user_id=user.id, token_hash=token_hash, created_at=now, expires_at=now + CHALLENGE_TTL))
    await session.flush()
    return raw


async def answer_challenge(
    database: Database, authenticator: Authenticator, raw: str, code: str, client: Client
) -> User:
    """Return the user who has now proven both factors.

    Raises:
        InvalidChallenge: when it cannot be answered, or not any more.
        TooManyAttempts: when the user's codes were guessed too often, whatever this one is.
        WrongCode: when the code is wrong, or was used.
    """
    opened = await _take_try(database, authenticator, raw)
    bucket = _bucket(authenticator, opened.user_id)
    try:
        await login_rate_limits.hit_limits(database, authenticator, [bucket], client, user_id=opened.user_id)
    except TooManyAttempts as refusal:
        if refusal.is_first:
            await _warn(database, authenticator, opened.user_id)
        raise
    match = await _match(database, authenticator, opened.user_id, code)
    user = await _close(database, authenticator, opened, match, client) if match else None
    if user is None:
        await events.record_and_commit(database, Event.SECOND_FACTOR_FAIL, client, user_id=opened.user_id)
        raise WrongCode
    await login_rate_limits.clear_limits(authenticator, [bucket])
    return user


def _bucket(authenticator: Authenticator, user_id: UUID) -> Bucket:
    """Count as many codes as passwords, but of the user, whichever challenge they answer."""
    settings = authenticator.settings
    return RateLimit("second-factor", settings.login_attempts, settings.login_window), str(user_id)


async def _warn(database: Database, authenticator: Authenticator, user_id: UUID) -> None:
    """Tell the owner, for whoever guesses codes has the password."""
    async with database.sessions.begin() as session:
        user = await session.get_one(User, user_id)
        await notifications.notify(session, authenticator, user.id, user.email, "second_factor_locked")


async def _take_try(database: Database, authenticator: Authenticator, raw: str) -> _Open:
    """Count a try before it is made, so that many at once have no more than one after the other."""
    now = utc_now()
    owner = exists().where(
        User.id == LoginChallenge.user_id,
        User.is_active,
        # A password that was changed since is not the one that was right.
        or_(User.password_changed_at.is_(None), User.password_changed_at <= LoginChallenge.created_at),
    )
    async with database.sessions.begin() as session:
        taken = await session.execute(
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
        row = taken.one_or_none()
    if row is None:
        raise InvalidChallenge
    return _Open(*row)


async def _match(database: Database, authenticator: Authenticator, user_id: UUID, entered: str) -> _Match | None:
    """Tell which code this is; it may have been used."""
    async with database.read_sessions() as session:
        query = select(TotpSecret.secret).where(TotpSecret.user_id == user_id, TotpSecret.confirmed_at.is_not(None))
        stored = await session.scalar(query)
    if stored is None:
        return None
    secret = decrypt_secret(authenticator.keys, stored)
    step = totp.match_time_step(secret, entered, utc_now()) if secret else None
    if secret and step is not None:
        return _Match(step=step, sealed=encrypt_secret(authenticator.keys, secret))
    number = await recovery_codes.verify_code(database, authenticator, user_id, entered)
    return _Match(number=number) if number is not None else None


async def _close(
    database: Database, authenticator: Authenticator, opened: _Open, match: _Match, client: Client
) -> User | None:
    """Use up the code and the challenge; nobody is let in when either was used meanwhile."""
    async with database.sessions.begin() as session:
        if not await _use(session, opened.user_id, match):
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
            await _tell_of_recovery(session, authenticator, user, match.number, client)
    return user


async def _use(session: AsyncSession, user_id: UUID, match: _Match) -> bool:
    """Use the code: one conditional update, so that of many at once exactly one wins."""
    if match.number is not None:
        return await recovery_codes.consume_code(session, user_id, match.number)
    used = await session.execute(
        update(TotpSecret)
        .where(TotpSecret.user_id == user_id, TotpSecret.last_used_step < match.step)
        .values(last_used_step=match.step, secret=match.sealed)
        .returning(TotpSecret.user_id)
    )
    return used.one_or_none() is not None


async def _tell_of_recovery(
    session: AsyncSession, authenticator: Authenticator, user: User, number: int, client: Client
) -> None:
    """Write it down, and tell the owner: who has found the codes is let in by them."""
    left = await recovery_codes.count_codes(session, user.id)
    await events.record(session, Event.RECOVERY_CODE_USED, client, user_id=user.id, left=left, number=number)
    await notifications.notify(session, authenticator, user.id, user.email, "recovery_code_used", left=left)
