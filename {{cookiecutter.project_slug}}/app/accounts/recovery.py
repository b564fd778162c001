"""Choose a new password: with a mailed link for who forgot the old one, or with the old one."""

from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import attempts, credentials, events, links, notices, one_time, service, sessions, users
from app.accounts.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import User
from app.accounts.one_time import InvalidLink, Purpose
from app.accounts.password_policy import hash_new_password
from app.accounts.schemas_account import PasswordChange
from app.accounts.scope import COMMAND_LINE, Client, Scope
from app.database import Database, utc_now


async def forgot_password(database: Database, authenticator: Authenticator, email: str, client: Client) -> None:
    """Mail a link that sets a new password, if the address has an account; the work is the same if not.

    Raises:
        TooManyAttempts: from one place of the network.
    """
    await links.count_client(authenticator, client)
    if not await links.may_mail(authenticator, "reset", email):
        return
    async with database.sessions.begin() as session:
        user = await users.find_user(session, email)
        known = user if user is not None and user.is_active else None
        await links.mail_link_or_pretend(session, authenticator, known, Purpose.RESET_PASSWORD, email)
        await events.record(session, Event.PASSWORD_RESET_ASKED, client, user_id=known.id if known else None)


async def send_reset(session: AsyncSession, authenticator: Authenticator, user: User) -> None:
    """Mail a link that sets a new password, for an admin who was asked to."""
    await links.mail_link(session, authenticator, user, Purpose.RESET_PASSWORD)


async def reset_password(
    database: Database, authenticator: Authenticator, raw: str, password: str, client: Client
) -> None:
    """Set a new password: all sessions and API keys end, and the address is proven. It signs nobody in.

    Raises:
        InvalidLink: when the token cannot be used.
        PasswordTooShort, PasswordTooCommon, PasswordTooLong: by the policy; the token can still be used.
    """
    async with database.reads() as session:
        found = await one_time.find(session, authenticator, raw, Purpose.RESET_PASSWORD)
    if found is None:
        raise InvalidLink
    password_hash = await hash_new_password(authenticator, password, found.sent_to)
    async with database.sessions.begin() as session:
        token = await one_time.consume(session, authenticator, raw, Purpose.RESET_PASSWORD)
        await _replace(session, authenticator, token.user_id, password_hash, client)
        await notices.notify(session, authenticator, token.user_id, token.sent_to, "password_reset")
    await attempts.forgive(authenticator, attempts.of_account(authenticator.settings, token.sent_to))


async def set_password(database: Database, authenticator: Authenticator, email: str, password: str) -> None:
    """Set a new password from the command line: all sessions and API keys end, as with a mailed link.

    Raises:
        UserNotFound: when there is no such account.
        PasswordTooShort, PasswordTooCommon, PasswordTooLong: by the policy.
    """
    password_hash = await hash_new_password(authenticator, password, email)
    async with database.sessions.begin() as session:
        user = await users.get_user_by_email(session, email)
        await _replace(session, authenticator, user.id, password_hash, COMMAND_LINE)
        await notices.notify(session, authenticator, user.id, user.email, "password_reset")
    await attempts.forgive(authenticator, attempts.of_account(authenticator.settings, user.email))


async def change_password(
    database: Database, authenticator: Authenticator, scope: Scope, data: PasswordChange, client: Client
) -> None:
    """Set a new password: the caller's other sessions end, and their API keys unless they keep them.

    Raises:
        InvalidCredentials: when the current one is wrong, which counts like a wrong one at sign-in.
        TooManyAttempts: after several wrong ones.
        PasswordTooShort, PasswordTooCommon, PasswordTooLong: by the policy.
        SessionEnded: when the caller's session was ended meanwhile.
    """
    current, new = data.current_password.get_secret_value(), data.new_password.get_secret_value()
    await service.confirm_password(database, authenticator, scope, current, client)
    password_hash = await hash_new_password(authenticator, new, scope.email)
    async with database.sessions.begin() as session:
        await credentials.lock_account(session, scope)
        await _store(session, scope.user_id, password_hash)
        await sessions.end_others(session, scope)
        if not data.keep_api_keys:
            await credentials.revoke_tokens(session, authenticator, scope.user_id, client)
        await events.record(session, Event.PASSWORD_CHANGE, client, user_id=scope.user_id, session_id=scope.session_id)
        kept = data.keep_api_keys
        await notices.notify(session, authenticator, scope.user_id, scope.email, "password_changed", kept=kept)


async def _replace(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, password_hash: str, client: Client
) -> None:
    await _store(session, user_id, password_hash, address_is_proven=True)
    await credentials.end_all(session, authenticator, user_id, "password reset", client)
    await events.record(session, Event.PASSWORD_RESET, client, user_id=user_id)


async def _store(session: AsyncSession, user_id: UUID, password_hash: str, *, address_is_proven: bool = False) -> None:
    """Store a password, with which no link works any more that was mailed before."""
    now = utc_now()
    values = {"password_hash": password_hash, "password_changed_at": now}
    if address_is_proven:
        values["email_verified_at"] = func.coalesce(User.email_verified_at, now)
    await session.execute(update(User).where(User.id == user_id).values(values))
    await one_time.void_all(session, user_id)
