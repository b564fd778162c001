"""Lock an account, disable or enable it, and revoke its sessions and its bearer tokens, such as API keys.

Callers lock the account before they change its credentials: that serializes changes and rejects ended sessions.
"""

from uuid import UUID

from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events, users
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import AuthSession, User, is_live
from app.accounts.scope import Client, Scope
from app.accounts.sessions import sessions
from app.database.base import utc_now
from app.errors import Unauthorized


class SessionEnded(Unauthorized):
    """The session ended while the request was in progress."""

    title = "Your session has ended. Sign in again"


async def lock_account(session: AsyncSession, scope: Scope) -> User:
    """Lock the caller's account until the transaction ends, and return it.

    Raises:
        SessionEnded: when the session was ended or the account disabled since the request was authenticated.
    """
    live = AuthSession.id == scope.session_id, is_live(utc_now()), User.is_active
    query = select(User).join(AuthSession, AuthSession.user_id == User.id).where(*live)
    user: User | None = await session.scalar(query.with_for_update())
    if user is None:
        raise SessionEnded
    return user


async def set_active(
    session: AsyncSession, authenticator: Authenticator, user: User, client: Client, *, active: bool
) -> bool:
    """Enable or disable an account, record the event, and return whether the state changed.

    Disabling ends all sessions and revokes API keys, so that they don't become valid again when the account is
    enabled.

    Raises:
        LastAdmin: when the user is the last active admin.
    """
    user.is_active = active
    if not inspect(user).attrs.is_active.history.has_changes():
        return False
    event = Event.USER_ENABLED if active else Event.USER_DISABLED
    await events.record(session, event, client, user_id=user.id, target=user)
    if not active:
        await revoke_all_credentials(session, authenticator, user.id, "disabled", client)
        await users.require_active_admin(session)
    return True


async def revoke_all_credentials(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, reason: str, client: Client
) -> int:
    """End all sessions of a user and revoke their API keys; return the number of sessions."""
    ended = await sessions.revoke_all_sessions(session, user_id, reason)
    await revoke_bearer_tokens(session, authenticator, user_id, client)
    return ended


async def revoke_bearer_tokens(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, client: Client
) -> None:
    """Revoke the user's API keys and other bearer tokens."""
    for scheme in authenticator.bearer_schemes:
        await scheme.revoke_all(session, user_id, client)
