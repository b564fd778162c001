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
from app.accounts.sessions.login import EmailNotVerified
from app.database.base import utc_now
from app.database.connection import Database
from app.errors import Conflict, InvalidRequest, NotFound
from app.features.second_factor import recovery_codes, totp
from app.features.second_factor.encryption import decrypt_secret, encrypt_secret
from app.features.second_factor.models import LoginChallenge, RecoveryCode, TotpSecret
from app.i18n import gettext

_EVENTS = {
    "second_factor_added": Event.SECOND_FACTOR_ADDED,
    "second_factor_removed": Event.SECOND_FACTOR_REMOVED,
    "recovery_codes_generated": Event.RECOVERY_CODES_GENERATED,
}  # by the email that is sent with it


class SecondFactorAlreadyEnabled(Conflict):
    """Two-factor authentication is already on; turn it off first."""

    title = "Two-factor authentication is already on"


class SecondFactorNotEnabled(NotFound):
    """Two-factor authentication is off, or no setup is waiting to be confirmed."""

    title = "Two-factor authentication is not set up"


class WrongSetupCode(InvalidRequest):
    """The code is wrong: the app doesn't have the secret, or its clock is off."""

    title = "Incorrect code"


class SecondFactorStatus(NamedTuple):
    """Whether it is on, and the number of unused recovery codes."""

    enabled: bool
    recovery_codes_left: int


class TotpEnrollment(NamedTuple):
    """Secret and otpauth URI for the authenticator app; available until the setup is confirmed."""

    secret: str
    uri: str


async def is_enabled(session: AsyncSession, user_id: UUID) -> bool:
    """Return whether the user has two-factor authentication turned on."""
    confirmed = exists().where(TotpSecret.user_id == user_id, TotpSecret.confirmed_at.is_not(None))
    return bool(await session.scalar(select(confirmed)))


async def read_status(session: AsyncSession, scope: Scope) -> SecondFactorStatus:
    """Return the status of the caller's second factor."""
    left = await recovery_codes.count_codes(session, scope.user_id)
    return SecondFactorStatus(await is_enabled(session, scope.user_id), left)


async def start_setup(session: AsyncSession, authenticator: Authenticator, scope: Scope, issuer: str) -> TotpEnrollment:
    """Create a secret; it replaces one that was never confirmed.

    Raises:
        EmailNotVerified: someone else's address must not be locked with a second factor.
        SecondFactorAlreadyEnabled: when it is already on.
    """
    user = await revocation.lock_account(session, scope)  # so that a second click waits
    if user.email_verified_at is None:
        raise EmailNotVerified(gettext("Verify it first."))
    if await is_enabled(session, user.id):
        raise SecondFactorAlreadyEnabled
    secret = totp.generate_secret()
    stored = encrypt_secret(authenticator.keys, secret)
    await session.merge(TotpSecret(user_id=user.id, secret=stored, created_at=utc_now()))
    await session.flush()
    return TotpEnrollment(secret, totp.provisioning_uri(secret, user.email, issuer))


async def get_setup(session: AsyncSession, authenticator: Authenticator, scope: Scope, issuer: str) -> TotpEnrollment:
    """Return the secret of a setup that is not confirmed yet.

    Raises:
        SecondFactorNotEnabled: when there is none.
    """
    _, secret = await _get_pending(session, authenticator, scope)
    return TotpEnrollment(secret, totp.provisioning_uri(secret, scope.email, issuer))


async def confirm_setup(
    database: Database, authenticator: Authenticator, scope: Scope, code: str, client: Client
) -> list[str]:
    """Turn on two-factor authentication with a code from the app, and return the recovery codes.

    Raises:
        SecondFactorNotEnabled: when no setup is waiting to be confirmed.
        WrongSetupCode: when the code is wrong.
    """
    async with database.read_sessions() as session:
        row, secret = await _get_pending(session, authenticator, scope)
    step = totp.match_time_step(secret, code, utc_now())
    if step is None:
        raise WrongSetupCode
    codes, hashes = await recovery_codes.generate_codes(authenticator)
    async with database.sessions.begin() as session:
        await revocation.lock_account(session, scope)
        await _confirm(session, row, step)
        await recovery_codes.store_codes(session, scope.user_id, hashes)
        await _notify(session, authenticator, scope, client, "second_factor_added")
    return codes


async def disable(session: AsyncSession, authenticator: Authenticator, scope: Scope, client: Client) -> None:
    """Turn off two-factor authentication and end the caller's other sessions.

    Raises:
        SecondFactorNotEnabled: when it is off.
    """
    await revocation.lock_account(session, scope)
    await _delete(session, scope.user_id)
    await sessions.revoke_other_sessions(session, scope)
    await _notify(session, authenticator, scope, client, "second_factor_removed")


async def disable_for_user(session: AsyncSession, authenticator: Authenticator, user: User, client: Client) -> None:
    """Turn off two-factor authentication for a user who lost it, and end all their sessions."""
    await _delete(session, user.id)
    await sessions.revoke_all_sessions(session, user.id, "second factor removed")
    await events.record(session, Event.SECOND_FACTOR_REMOVED, client, user_id=user.id, what="second_factor_removed")
    await notifications.notify(session, authenticator, user.id, user.email, "second_factor_removed")


async def replace_recovery_codes(
    database: Database, authenticator: Authenticator, scope: Scope, client: Client
) -> list[str]:
    """Generate new recovery codes and invalidate the previous ones.

    Raises:
        SecondFactorNotEnabled: when two-factor authentication is off.
    """
    async with database.read_sessions() as session:
        if not await is_enabled(session, scope.user_id):
            raise SecondFactorNotEnabled
    codes, hashes = await recovery_codes.generate_codes(authenticator)
    async with database.sessions.begin() as session:
        await revocation.lock_account(session, scope)
        await recovery_codes.store_codes(session, scope.user_id, hashes)
        await _notify(session, authenticator, scope, client, "recovery_codes_generated")
    return codes


async def _get_pending(session: AsyncSession, authenticator: Authenticator, scope: Scope) -> tuple[TotpSecret, str]:
    query = select(TotpSecret).where(TotpSecret.user_id == scope.user_id, TotpSecret.confirmed_at.is_(None))
    row = await session.scalar(query)
    secret = decrypt_secret(authenticator.keys, row.secret) if row is not None else None
    if row is None or secret is None:
        raise SecondFactorNotEnabled
    return row, secret


async def _confirm(session: AsyncSession, row: TotpSecret, step: int) -> None:
    """Confirm the secret, unless a concurrent request confirmed or replaced it."""
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
    deleted = await session.execute(delete(TotpSecret).where(*confirmed).returning(TotpSecret.user_id))
    if deleted.one_or_none() is None:
        raise SecondFactorNotEnabled
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await session.execute(delete(LoginChallenge).where(LoginChallenge.user_id == user_id))


async def _notify(session: AsyncSession, authenticator: Authenticator, scope: Scope, client: Client, mail: str) -> None:
    """Record the event and notify the user, whose session an attacker may be using."""
    await events.record(session, _EVENTS[mail], client, user_id=scope.user_id, session_id=scope.session_id, what=mail)
    await notifications.notify(session, authenticator, scope.user_id, scope.email, mail)
