"""Password reset with an emailed link, and password change with the current password."""

from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events, users
from app.accounts.credentials import notifications, one_time_tokens
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.credentials.one_time_tokens import InvalidLink, Purpose
from app.accounts.credentials.password_policy import hash_new_password
from app.accounts.events import Event
from app.accounts.lifecycle import email_links
from app.accounts.lifecycle.schemas import PasswordChange
from app.accounts.models import User
from app.accounts.scope import COMMAND_LINE, Client, Scope
from app.accounts.sessions import login, login_rate_limits, revocation, sessions
from app.database.base import utc_now
from app.database.connection import Database


async def request_password_reset(database: Database, authenticator: Authenticator, email: str, client: Client) -> None:
    """Send a password reset link if the address has an account; do the same work if not.

    Raises:
        TooManyAttempts: per IP address.
    """
    await email_links.hit_client_limit(authenticator, client)
    if not await email_links.hit_email_limit(authenticator, "reset", email):
        return
    async with database.sessions.begin() as session:
        user = await users.find_user_by_email(session, email)
        known = user if user is not None and user.is_active else None
        await email_links.send_link_or_simulate(session, authenticator, known, Purpose.RESET_PASSWORD, email)
        await events.record(session, Event.PASSWORD_RESET_REQUESTED, client, user_id=known.id if known else None)


async def send_password_reset(session: AsyncSession, authenticator: Authenticator, user: User) -> None:
    """Send a password reset link at the request of an admin."""
    await email_links.send_link(session, authenticator, user, Purpose.RESET_PASSWORD)


async def reset_password(
    database: Database, authenticator: Authenticator, raw: str, password: str, client: Client
) -> None:
    """Set a new password, end all sessions, revoke API keys and mark the email address as verified.

    Raises:
        InvalidLink: when the token is invalid.
        PasswordTooShort, PasswordTooCommon, PasswordTooLong: by the password policy; the token stays valid.
    """
    async with database.read_sessions() as session:
        found = await one_time_tokens.find(session, authenticator, raw, Purpose.RESET_PASSWORD)
    if found is None:
        raise InvalidLink
    password_hash = await hash_new_password(authenticator, password, found.sent_to)
    async with database.sessions.begin() as session:
        token = await one_time_tokens.consume(session, authenticator, raw, Purpose.RESET_PASSWORD)
        await _replace(session, authenticator, token.user_id, password_hash, client)
        await notifications.notify(session, authenticator, token.user_id, token.sent_to, "password_reset")
    await login_rate_limits.clear_account(authenticator, token.sent_to)


async def set_password(database: Database, authenticator: Authenticator, email: str, password: str) -> None:
    """Set a new password from the command line; end all sessions and revoke API keys.

    Raises:
        UserNotFound: when no account has this address.
        PasswordTooShort, PasswordTooCommon, PasswordTooLong: by the password policy.
    """
    password_hash = await hash_new_password(authenticator, password, email)
    async with database.sessions.begin() as session:
        user = await users.get_user_by_email(session, email)
        await _replace(session, authenticator, user.id, password_hash, COMMAND_LINE)
        await notifications.notify(session, authenticator, user.id, user.email, "password_reset")
    await login_rate_limits.clear_account(authenticator, user.email)


async def change_password(
    database: Database, authenticator: Authenticator, scope: Scope, data: PasswordChange, client: Client
) -> None:
    """Set a new password, end the caller's other sessions and, unless `keep_api_keys`, revoke their API keys.

    Raises:
        InvalidCredentials: when the current password is wrong, which counts like a failed sign-in.
        TooManyAttempts: after several failures.
        PasswordTooShort, PasswordTooCommon, PasswordTooLong: by the password policy.
        SessionEnded: when the session has ended since the request was authenticated.
    """
    current, new = data.current_password.get_secret_value(), data.new_password.get_secret_value()
    await login.verify_password(database, authenticator, scope, current, client)
    password_hash = await hash_new_password(authenticator, new, scope.email)
    async with database.sessions.begin() as session:
        await revocation.lock_account(session, scope)
        await _store(session, scope.user_id, password_hash)
        await sessions.revoke_other_sessions(session, scope)
        if not data.keep_api_keys:
            await revocation.revoke_bearer_tokens(session, authenticator, scope.user_id, client)
        await events.record(session, Event.PASSWORD_CHANGE, client, user_id=scope.user_id, session_id=scope.session_id)
        kept = data.keep_api_keys
        await notifications.notify(session, authenticator, scope.user_id, scope.email, "password_changed", kept=kept)


async def _replace(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, password_hash: str, client: Client
) -> None:
    await _store(session, user_id, password_hash, verify_email=True)
    await revocation.revoke_all_credentials(session, authenticator, user_id, "password reset", client)
    await events.record(session, Event.PASSWORD_RESET, client, user_id=user_id)


async def _store(session: AsyncSession, user_id: UUID, password_hash: str, *, verify_email: bool = False) -> None:
    """Store a password and revoke the links sent before."""
    now = utc_now()
    values = {"password_hash": password_hash, "password_changed_at": now}
    if verify_email:
        values["email_verified_at"] = func.coalesce(User.email_verified_at, now)
    await session.execute(update(User).where(User.id == user_id).values(values))
    await one_time_tokens.revoke_all(session, user_id)
