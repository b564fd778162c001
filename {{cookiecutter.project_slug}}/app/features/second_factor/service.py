"""Turn the second factor on and off, and make recovery codes."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import credentials, events, notices, sessions
from app.accounts.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import User
from app.accounts.scope import Client, Scope
from app.database import Database, utc_now
from app.errors import Conflict, Forbidden, InvalidRequest, NotFound
from app.features.second_factor import codes, recovery
from app.features.second_factor.models import LoginChallenge, RecoveryCode, TotpSecret
from app.features.second_factor.sealing import seal, unseal

_EVENTS = {
    "second_factor_added": Event.SECOND_FACTOR_ADDED,
    "second_factor_removed": Event.SECOND_FACTOR_REMOVED,
    "recovery_codes_made": Event.SECOND_FACTOR_ADDED,
}
"""What is written down when one of our mails goes out."""


class SecondFactorIsOn(Conflict):
    """There is a second factor already; remove it first."""

    title = "The second factor is on already"


class SecondFactorIsOff(NotFound):
    """There is no second factor, or none that waits to be confirmed."""

    title = "There is no second factor"


class AddressNotProven(Forbidden):
    """Who has not proven the address could lock out whose it is."""

    title = "Prove your e-mail address first"


class WrongSetupCode(InvalidRequest):
    """The app does not have the secret, or its clock is wrong."""

    title = "Wrong code"


class State(NamedTuple):
    """Whether signing in asks for a code, and how many recovery codes are left."""

    is_on: bool
    recovery_codes_left: int


class Setup(NamedTuple):
    """What the app is to know; shown until it is confirmed, and never again."""

    secret: str
    uri: str


async def is_on(session: AsyncSession, user_id: UUID) -> bool:
    """Tell whether signing in asks this user for a code."""
    confirmed = exists().where(TotpSecret.user_id == user_id, TotpSecret.confirmed_at.is_not(None))
    return bool(await session.scalar(select(confirmed)))


async def read_state(session: AsyncSession, scope: Scope) -> State:
    """Return how things are for the caller."""
    return State(await is_on(session, scope.user_id), await recovery.count_codes(session, scope.user_id))


async def begin(session: AsyncSession, authenticator: Authenticator, scope: Scope, issuer: str) -> Setup:
    """Make a secret, in place of one that was not confirmed.

    Raises:
        AddressNotProven: when the address is not.
        SecondFactorIsOn: when there is a confirmed one.
    """
    user = await credentials.lock_account(session, scope)  # so that a second click waits
    if user.email_verified_at is None:
        raise AddressNotProven
    if await is_on(session, user.id):
        raise SecondFactorIsOn
    secret = codes.make_totp_secret()
    sealed = seal(authenticator.keys, secret)
    await session.merge(TotpSecret(user_id=user.id, secret=sealed, created_at=utc_now()))
    await session.flush()
    return Setup(secret, codes.write_uri(secret, user.email, issuer))


async def get_setup(session: AsyncSession, authenticator: Authenticator, scope: Scope, issuer: str) -> Setup:
    """Return the secret that waits to be confirmed.

    Raises:
        SecondFactorIsOff: when none does.
    """
    _, secret = await _get_pending(session, authenticator, scope)
    return Setup(secret, codes.write_uri(secret, scope.email, issuer))


async def confirm(
    database: Database, authenticator: Authenticator, scope: Scope, code: str, client: Client
) -> list[str]:
    """Turn the second factor on, if the app shows the right code, and return the recovery codes.

    Raises:
        SecondFactorIsOff: when no secret waits.
        WrongSetupCode: when it is not the code.
    """
    async with database.reads() as session:
        row, secret = await _get_pending(session, authenticator, scope)
    step = codes.find_step(secret, code, utc_now())
    if step is None:
        raise WrongSetupCode
    written, hashes = await recovery.make_codes(authenticator)
    async with database.sessions.begin() as session:
        await credentials.lock_account(session, scope)
        await _turn_on(session, row, step)
        await recovery.store_codes(session, scope.user_id, hashes)
        await _tell(session, authenticator, scope, client, "second_factor_added")
    return written


async def remove(session: AsyncSession, authenticator: Authenticator, scope: Scope, client: Client) -> None:
    """Turn the second factor off; the caller's other sessions end.

    Raises:
        SecondFactorIsOff: when it is.
    """
    await credentials.lock_account(session, scope)
    await _delete(session, scope.user_id)
    await sessions.end_others(session, scope)
    await _tell(session, authenticator, scope, client, "second_factor_removed")


async def remove_for(session: AsyncSession, authenticator: Authenticator, user: User, client: Client) -> None:
    """Turn the second factor off for someone who has lost it, as `remove` does; all their sessions end."""
    await _delete(session, user.id)
    await sessions.end_all(session, user.id, "second factor removed")
    await events.record(session, Event.SECOND_FACTOR_REMOVED, client, user_id=user.id, what="second_factor_removed")
    await notices.notify(session, authenticator, user.id, user.email, "second_factor_removed")


async def replace_recovery_codes(
    database: Database, authenticator: Authenticator, scope: Scope, client: Client
) -> list[str]:
    """Make new recovery codes; the ones before are dead.

    Raises:
        SecondFactorIsOff: when it is.
    """
    async with database.reads() as session:
        if not await is_on(session, scope.user_id):
            raise SecondFactorIsOff
    written, hashes = await recovery.make_codes(authenticator)
    async with database.sessions.begin() as session:
        await credentials.lock_account(session, scope)
        await recovery.store_codes(session, scope.user_id, hashes)
        await _tell(session, authenticator, scope, client, "recovery_codes_made")
    return written


async def _get_pending(session: AsyncSession, authenticator: Authenticator, scope: Scope) -> tuple[TotpSecret, str]:
    query = select(TotpSecret).where(TotpSecret.user_id == scope.user_id, TotpSecret.confirmed_at.is_(None))
    row = await session.scalar(query)
    secret = unseal(authenticator.keys, row.secret) if row is not None else None
    if row is None or secret is None:
        raise SecondFactorIsOff
    return row, secret


async def _turn_on(session: AsyncSession, row: TotpSecret, step: int) -> None:
    """Confirm the secret that was read, unless someone else has meanwhile confirmed or replaced it."""
    confirmed = await session.execute(
        update(TotpSecret)
        .where(TotpSecret.user_id == row.user_id, TotpSecret.secret == row.secret, TotpSecret.confirmed_at.is_(None))
        .values(confirmed_at=utc_now(), last_used_step=step)
        .returning(TotpSecret.user_id)
    )
    if confirmed.one_or_none() is None:
        raise SecondFactorIsOff


async def _delete(session: AsyncSession, user_id: UUID) -> None:
    confirmed = TotpSecret.user_id == user_id, TotpSecret.confirmed_at.is_not(None)
    gone = await session.execute(delete(TotpSecret).where(*confirmed).returning(TotpSecret.user_id))
    if gone.one_or_none() is None:
        raise SecondFactorIsOff
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await session.execute(delete(LoginChallenge).where(LoginChallenge.user_id == user_id))


async def _tell(session: AsyncSession, authenticator: Authenticator, scope: Scope, client: Client, mail: str) -> None:
    """Write it down, and tell the owner, whose session may have been used by someone else."""
    await events.record(session, _EVENTS[mail], client, user_id=scope.user_id, session_id=scope.session_id, what=mail)
    await notices.notify(session, authenticator, scope.user_id, scope.email, mail)
