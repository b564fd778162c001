"""Email change: confirmed at the new address; the old address can cancel it, or revert it for some time.

Addresses belong to who has proven them: an account that was only signed up with one gives way.
"""

from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events, users
from app.accounts.credentials import notifications, one_time_tokens
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.credentials.one_time_tokens import Purpose
from app.accounts.email_addresses import normalize_email, parse_email
from app.accounts.events import Event
from app.accounts.lifecycle import email_links, personal_data
from app.accounts.models import User
from app.accounts.scope import Client, Scope
from app.accounts.sessions import revocation
from app.accounts.users import EmailTaken
from app.api.rate_limits import RateLimit
from app.database.base import utc_now
from app.database.connection import Database


async def request(
    database: Database, authenticator: Authenticator, scope: Scope, new_email: str, client: Client
) -> None:
    """Mail a link that confirms the new address, and one to the old address that stops the change.

    When the new address is someone's, the answer is the same, and they are told.

    Raises:
        InvalidEmail: when it is no address.
        TooManyAttempts: from one place of the network, or by this caller.
        SessionEnded: when the caller's session was ended meanwhile.
    """
    await email_links.hit_client_limit(authenticator, client)
    address = parse_email(new_email)
    often = RateLimit("email-changes", authenticator.settings.emails_per_hour, timedelta(hours=1))
    await authenticator.rate_limiter.hit(often, str(scope.user_id))
    if not await email_links.hit_email_limit(authenticator, "email-change", address):
        return
    async with database.sessions.begin() as session:
        user = await revocation.lock_account(session, scope)
        await _stop(session, user)
        owner = await users.find_user_by_email(session, address)
        if owner is None or owner.id == user.id or owner.email_verified_at is None:
            await email_links.send_link(session, authenticator, user, Purpose.CHANGE_EMAIL, to=address)
        else:
            await authenticator.mailer.enqueue(session, owner.email, "email_taken")
        await email_links.send_link(session, authenticator, user, Purpose.CANCEL_EMAIL_CHANGE, new_email=address)
        await events.record(session, Event.EMAIL_CHANGE_REQUESTED, client, user_id=user.id, session_id=scope.session_id)


async def confirm(database: Database, authenticator: Authenticator, raw: str, client: Client) -> None:
    """Give the account its new address; links that were mailed to the old one end, but for the one that reverts this.

    Raises:
        InvalidLink: when the token cannot be used.
        EmailTaken: when somebody else has proven to have the address in the meantime.
    """
    async with database.sessions.begin() as session:
        token = await one_time_tokens.consume(session, authenticator, raw, Purpose.CHANGE_EMAIL)
        user = await session.get_one(User, token.user_id)
        former, address = user.email, token.sent_to
        await _set_address(session, user, address)
        await one_time_tokens.revoke_all(session, user.id)
        await notifications.notify_previous_addresses(
            session, authenticator, user.id, former, "email_changed_notice", new_email=address
        )
        saved = {factor.name: await factor.save(session, user.id) for factor in authenticator.second_factors}
        await email_links.send_link(
            session, authenticator, user, Purpose.REVERT_EMAIL, to=former, saved=saved, new_email=address
        )
        await events.record(session, Event.EMAIL_CHANGED, client, user_id=user.id)


async def cancel(database: Database, authenticator: Authenticator, raw: str, client: Client) -> None:
    """Cancel a pending email change.

    Raises:
        InvalidLink: when the token cannot be used.
    """
    async with database.sessions.begin() as session:
        token = await one_time_tokens.consume(session, authenticator, raw, Purpose.CANCEL_EMAIL_CHANGE)
        await _stop(session, await session.get_one(User, token.user_id))
        await events.record(session, Event.EMAIL_CHANGE_CANCELLED, client, user_id=token.user_id)


async def revert(database: Database, authenticator: Authenticator, raw: str, client: Client) -> None:
    """Give the account its old address back, as it was when the address changed.

    A thief who changed it knew the password. So the password is removed and a link to choose a new one is mailed;
    sessions, API keys and links end; second factors are again those at the change. Later changes cannot be taken
    back any more, earlier ones can. A notice goes to the address that the account loses.

    Raises:
        InvalidLink: when the token cannot be used.
        EmailTaken: when somebody else has proven to have the address in the meantime.
    """
    async with database.sessions.begin() as session:
        token = await one_time_tokens.consume(session, authenticator, raw, Purpose.REVERT_EMAIL)
        user = await session.get_one(User, token.user_id)
        lost = user.email
        user.password_hash, user.password_changed_at = None, utc_now()
        await _set_address(session, user, token.sent_to)
        await one_time_tokens.revoke_all(session, user.id)
        await one_time_tokens.revoke_newer(session, token)
        await revocation.revoke_all_credentials(session, authenticator, user.id, "address reverted", client)
        for factor in authenticator.second_factors:
            await factor.restore(
                session, user.id, (token.saved_second_factors or {}).get(factor.name), token.created_at
            )
        await email_links.send_link(session, authenticator, user, Purpose.RESET_PASSWORD)
        await authenticator.mailer.enqueue(session, lost, "email_reverted", email=user.email)
        await events.record(session, Event.EMAIL_REVERTED, client, user_id=user.id)


async def _set_address(session: AsyncSession, user: User, address: str) -> None:
    """Change the address; who has it is decided by the unique index, so that of two at once one wins."""
    key = normalize_email(address)
    await personal_data.delete_users(
        session, User.email_key == key, User.email_verified_at.is_(None), User.id != user.id
    )
    user.email, user.email_key, user.email_verified_at = address, key, utc_now()
    try:
        await session.flush()
    except IntegrityError as error:
        raise EmailTaken from error


async def _stop(session: AsyncSession, user: User) -> None:
    await one_time_tokens.revoke(session, user.id, Purpose.CHANGE_EMAIL, Purpose.CANCEL_EMAIL_CHANGE)
