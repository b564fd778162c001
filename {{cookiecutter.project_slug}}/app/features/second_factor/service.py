"""Set up and remove two-factor authentication, and generate recovery codes."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events
from app.accounts.credentials import notifications
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import User
from app.accounts.scope import Client, Scope
from app.accounts.sessions import revocation, sessions
from app.database.base import utc_now
from app.database.connection import Database
from app.errors import Conflict, Forbidden, InvalidRequest, NotFound
from app.features.second_factor import recovery_codes, totp
from app.features.second_factor.encryption import decrypt_secret, encrypt_secret
from app.features.second_factor.models import LoginChallenge, RecoveryCode, TotpSecret

_EVENTS = {
    "second_factor_added": Event.SECOND_FACTOR_ADDED,
    "second_factor_removed": Event.SECOND_FACTOR_REMOVED,
    "recovery_codes_generated": Event.SECOND_FACTOR_ADDED,
}
"""What is written down when one of our mails goes out."""


class SecondFactorAlreadyEnabled(Conflict):
    """There is a second factor already; remove it first."""

    title = "Two-factor authentication is already on"


class SecondFactorNotEnabled(NotFound):
    """There is no second factor, or none that waits to be confirmed."""

    title = "Two-factor authentication is not set up"


class AddressNotProven(Forbidden):
    """Who has not proven the address could lock out whose it is."""

    title = "Verify your email address first"


class WrongSetupCode(InvalidRequest):
    """The app does not have the secret, or its clock is wrong."""

    title = "Incorrect code"


class SecondFactorStatus(NamedTuple):
    """Whether signing in asks for a code, and how many recovery codes are left."""

    is_enabled: bool
    recovery_codes_left: int


class TotpEnrollment(NamedTuple):
    """What the app is to know; shown until it is confirmed, and never again."""

    secret: str
    uri: str


async def is_enabled(session: AsyncSession, user_id: UUID) -> bool:
    """Return whether signing in asks this user for a code."""
    confirmed = exists().where(TotpSecret.user_id == user_id, TotpSecret.confirmed_at.is_not(None))
    return bool(await session.scalar(select(confirmed)))


async def read_status(session: AsyncSession, scope: Scope) -> SecondFactorStatus:
    """Return how things are for the caller."""
    return SecondFactorStatus(
        await is_enabled(session, scope.user_id), await recovery_codes.count_codes(session, scope.user_id)
    )


async def start_setup(session: AsyncSession, authenticator: Authenticator, scope: Scope, issuer: str) -> TotpEnrollment:
    """Create a secret, in place of one that was not confirmed.

    Raises:
        AddressNotProven: when the address is not.
        SecondFactorAlreadyEnabled: when there is a confirmed one.
    """
    user = await revocation.lock_account(session, scope)  # so that a second click waits
    if user.email_verified_at is None:
        raise AddressNotProven
    if await is_enabled(session, user.id):
        raise SecondFactorAlreadyEnabled
    secret = totp.generate_secret()
    sealed = encrypt_secret(authenticator.keys, secret)
    await session.merge(TotpSecret(user_id=user.id, secret=sealed, created_at=utc_now()))
    await session.flush()
    return TotpEnrollment(secret, totp.provisioning_uri(secret, user.email, issuer))


async def get_setup(session: AsyncSession, authenticator: Authenticator, scope: Scope, issuer: str) -> TotpEnrollment:
    """Return the secret that waits to be confirmed.

    Raises:
        SecondFactorNotEnabled: when none does.
    """
    _, secret = await _get_pending(session, authenticator, scope)
    return TotpEnrollment(secret, totp.provisioning_uri(secret, scope.email, issuer))


async def confirm_setup(
    database: Database, authenticator: Authenticator, scope: Scope, code: str, client: Client
) -> list[str]:
    """Turn the second factor on, if the app shows the right code, and return the recovery codes.

    Raises:
        SecondFactorNotEnabled: when no secret waits.
        WrongSetupCode: when it is not the code.
    """
    async with database.read_sessions() as session:
        row, secret = await _get_pending(session, authenticator, scope)
    step = totp.match_time_step(secret, code, utc_now())
    if step is None:
        raise WrongSetupCode
    written, hashes = await recovery_codes.generate_codes(authenticator)
    async with database.sessions.begin() as session:
        await revocation.lock_account(session, scope)
        await _turn_on(session, row, step)
        await recovery_codes.store_codes(session, scope.user_id, hashes)
        await _tell(session, authenticator, scope, client, "second_factor_added")
    return written


async def disable(session: AsyncSession, authenticator: Authenticator, scope: Scope, client: Client) -> None:
    """Turn the second factor off; the caller's other sessions end.

    Raises:
        SecondFactorNotEnabled: when it is.
    """
    await revocation.lock_account(session, scope)
    await _delete(session, scope.user_id)
    await sessions.revoke_other_sessions(session, scope)
    await _tell(session, authenticator, scope, client, "second_factor_removed")


async def disable_for_user(session: AsyncSession, authenticator: Authenticator, user: User, client: Client) -> None:
    """Turn the second factor off for someone who has lost it, as `remove` does; all their sessions end."""
    await _delete(session, user.id)
    await sessions.revoke_all_sessions(session, user.id, "second factor removed")
    await events.record(session, Event.SECOND_FACTOR_REMOVED, client, user_id=user.id, what="second_factor_removed")
    await notifications.notify(session, authenticator, user.id, user.email, "second_factor_removed")


async def replace_recovery_codes(
    database: Database, authenticator: Authenticator, scope: Scope, client: Client
) -> list[str]:
    """Make new recovery codes; the ones before are dead.

    Raises:
        SecondFactorNotEnabled: when it is.
    """
    async with database.read_sessions() as session:
        if not await is_enabled(session, scope.user_id):
            raise SecondFactorNotEnabled
    written, hashes = await recovery_codes.generate_codes(authenticator)
    async with database.sessions.begin() as session:
        await revocation.lock_account(session, scope)
        await recovery_codes.store_codes(session, scope.user_id, hashes)
        await _tell(session, authenticator, scope, client, "recovery_codes_generated")
    return written


async def _get_pending(session: AsyncSession, authenticator: Authenticator, scope: Scope) -> tuple[TotpSecret, str]:
    query = select(TotpSecret).where(TotpSecret.user_id == scope.user_id, TotpSecret.confirmed_at.is_(None))
    row = await session.scalar(query)
    secret = decrypt_secret(authenticator.keys, row.secret) if row is not None else None
    if row is None or secret is None:
        raise SecondFactorNotEnabled
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
        raise SecondFactorNotEnabled


async def _delete(session: AsyncSession, user_id: UUID) -> None:
    confirmed = TotpSecret.user_id == user_id, TotpSecret.confirmed_at.is_not(None)
    gone = await session.execute(delete(TotpSecret).where(*confirmed).returning(TotpSecret.user_id))
    if gone.one_or_none() is None:
        raise SecondFactorNotEnabled
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await session.execute(delete(LoginChallenge).where(LoginChallenge.user_id == user_id))


async def _tell(session: AsyncSession, authenticator: Authenticator, scope: Scope, client: Client, mail: str) -> None:
    """Write it down, and tell the owner, whose session may have been used by someone else."""
    await events.record(session, _EVENTS[mail], client, user_id=scope.user_id, session_id=scope.session_id, what=mail)
    await notifications.notify(session, authenticator, scope.user_id, scope.email, mail)
