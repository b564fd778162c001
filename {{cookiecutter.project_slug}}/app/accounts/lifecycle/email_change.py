"""Email change: confirmed at the new address; the old address can cancel it, or revert it for some time.

An address belongs to the account that verified it; unverified accounts with the same address are deleted.
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
    """Send a confirmation link to the new address, and a cancellation link to the current one.

    If the new address is in use, the response is the same, and its owner is notified.

    Raises:
        InvalidEmail: when the address is invalid.
        TooManyAttempts: per IP address or per user.
        SessionEnded: when the session has ended since the request was authenticated.
    """
    await email_links.hit_client_limit(authenticator, client)
    address = parse_email(new_email)
    limit = RateLimit("email-changes", authenticator.settings.emails_per_hour, timedelta(hours=1))
    await authenticator.rate_limiter.hit(limit, str(scope.user_id))
    if not await email_links.hit_email_limit(authenticator, "email-change", address):
        return
    async with database.sessions.begin() as session:
        user = await revocation.lock_account(session, scope)
        await _revoke_pending(session, user)
        owner = await users.find_user_by_email(session, address)
        if owner is None or owner.id == user.id or owner.email_verified_at is None:
            await email_links.send_link(session, authenticator, user, Purpose.CHANGE_EMAIL, to=address)
        else:
            await authenticator.mailer.enqueue(
                session, owner.email, "email_taken", locale=owner.locale, owner_id=owner.id
            )
        await email_links.send_link(session, authenticator, user, Purpose.CANCEL_EMAIL_CHANGE, new_email=address)
        await events.record(session, Event.EMAIL_CHANGE_REQUESTED, client, user_id=user.id, session_id=scope.session_id)


async def confirm(database: Database, authenticator: Authenticator, raw: str, client: Client) -> None:
    """Change the address. Links sent to the previous one are revoked, except those that revert a change.

    Raises:
        InvalidLink: when the token is invalid.
        EmailTaken: when another account has verified the address in the meantime.
    """
    async with database.sessions.begin() as session:
        token = await one_time_tokens.consume(session, authenticator, raw, Purpose.CHANGE_EMAIL)
        user = await session.get_one(User, token.user_id)
        previous, address = user.email, token.sent_to
        await _set_address(session, user, address)
        await one_time_tokens.revoke_all(session, user.id)
        await notifications.notify_previous_addresses(
            session, authenticator, user.id, previous, "email_changed_notice", new_email=address
        )
        saved = {factor.name: await factor.save(session, user.id) for factor in authenticator.second_factors}
        await email_links.send_link(
            session, authenticator, user, Purpose.REVERT_EMAIL, to=previous, saved=saved, new_email=address
        )
        await events.record(session, Event.EMAIL_CHANGED, client, user_id=user.id)


async def cancel(database: Database, authenticator: Authenticator, raw: str, client: Client) -> None:
    """Cancel a pending email change.

    Raises:
        InvalidLink: when the token is invalid.
    """
    async with database.sessions.begin() as session:
        token = await one_time_tokens.consume(session, authenticator, raw, Purpose.CANCEL_EMAIL_CHANGE)
        await _revoke_pending(session, await session.get_one(User, token.user_id))
        await events.record(session, Event.EMAIL_CHANGE_CANCELED, client, user_id=token.user_id)


async def revert(database: Database, authenticator: Authenticator, raw: str, client: Client) -> None:
    """Restore the previous address and the state of the account before the change.

    An attacker who changed it knew the password, so the password is removed and a reset link sent. Sessions, API keys
    and links are revoked, and second factors restored. Later changes can no longer be reverted; earlier ones can. The
    address that the account loses is notified.

    Raises:
        InvalidLink: when the token is invalid.
        EmailTaken: when another account has verified the address in the meantime.
    """
    async with database.sessions.begin() as session:
        token = await one_time_tokens.consume(session, authenticator, raw, Purpose.REVERT_EMAIL)
        user = await session.get_one(User, token.user_id)
        removed = user.email
        user.password_hash, user.password_changed_at = None, utc_now()
        await _set_address(session, user, token.sent_to)
        await one_time_tokens.revoke_all(session, user.id)
        await one_time_tokens.revoke_newer(session, token)
        await revocation.revoke_all_credentials(session, authenticator, user.id, "email change reverted", client)
        for factor in authenticator.second_factors:
            await factor.restore(
                session, user.id, (token.saved_second_factors or {}).get(factor.name), token.created_at
            )
        await email_links.send_link(session, authenticator, user, Purpose.RESET_PASSWORD)
        await authenticator.mailer.enqueue(
            session, removed, "email_reverted", locale=user.locale, owner_id=user.id, email=user.email
        )
        await events.record(session, Event.EMAIL_REVERTED, client, user_id=user.id)


async def _set_address(session: AsyncSession, user: User, address: str) -> None:
    """Change the address. The unique index decides between concurrent changes."""
    key = normalize_email(address)
    await personal_data.delete_users(
        session, User.email_key == key, User.email_verified_at.is_(None), User.id != user.id
    )
    user.email, user.email_key, user.email_verified_at = address, key, utc_now()
    try:
        await session.flush()
    except IntegrityError as error:
        raise EmailTaken from error


async def _revoke_pending(session: AsyncSession, user: User) -> None:
    await one_time_tokens.revoke(session, user.id, Purpose.CHANGE_EMAIL, Purpose.CANCEL_EMAIL_CHANGE)
