"""Impersonation: admins can sign in as another user.

It is a session of that user which remembers the admin's own. `visits.py` looks at both at each request: the admin must
be signed in, active, and still allowed to. What is the owner's alone is refused by `Scope.require_owner`, and what is
done meanwhile is written down with the admin as its actor.
"""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import AuthSession, Role, User, UserRole
from app.accounts.scope import Client, Scope
from app.accounts.sessions import reauth, sessions
from app.database.base import utc_now
from app.errors import Forbidden

_LIFE = timedelta(hours=1)


class ImpersonationRefused(Forbidden):
    """The user is an admin, may do what the caller may not, is disabled, or is the caller; or it is not allowed."""

    title = "You can't sign in as this user"


async def start(
    session: AsyncSession, authenticator: Authenticator, scope: Scope, user: User, client: Client
) -> tuple[AuthSession, str]:
    """Open a session in which the caller is signed in as this user; the second value is for its cookie.

    No mail is sent: the user sees it among their sessions, and afterwards in their activity.

    Raises:
        ReauthenticationRequired: when the caller proved who they are too long ago.
        ForbiddenWhileImpersonating: when they are signed in as someone else already.
        ImpersonationRefused: see there.
    """
    await require_impersonable(session, authenticator, scope, user)
    opened, raw = await sessions.create_web_session(
        session, authenticator, user, client, remember=False, impersonator=scope
    )
    opened.expires_at = min(opened.expires_at, utc_now() + _LIFE)
    await events.record(
        session, Event.IMPERSONATION_STARTED, client, user_id=user.id, actor_id=scope.user_id, session_id=opened.id
    )
    return opened, raw


async def require_impersonable(session: AsyncSession, authenticator: Authenticator, scope: Scope, user: User) -> None:
    """Let through who may be signed in as this user; `begin` does it too.

    Raises:
        ReauthenticationRequired, ForbiddenWhileImpersonating, ImpersonationRefused: see `begin`.
    """
    reauth.require_recent_authentication(authenticator, scope)
    held = select(Role.name, Role.permissions).join(UserRole).where(UserRole.user_id == user.id)
    roles = (await session.execute(held)).all()
    names = frozenset(role.name for role in roles)
    permissions = frozenset(permission for role in roles for permission in role.permissions)
    if user.id == scope.user_id or not user.is_active or not scope.can_impersonate(names, permissions):
        raise ImpersonationRefused


async def end(
    session: AsyncSession, authenticator: Authenticator, scope: Scope, client: Client
) -> tuple[AuthSession, str] | None:
    """End the impersonation, and return the session that the admin came from, with a new value for its cookie.

    None when there is nothing to go back from: a copy of a cookie that was given back opens nothing.
    """
    admin = scope.impersonator
    only_this = replace(scope, impersonator=None)
    if admin is None or not await sessions.end_session(session, only_this, "impersonation ended"):
        return None
    await events.record(
        session,
        Event.IMPERSONATION_ENDED,
        client,
        user_id=scope.user_id,
        actor_id=admin.user_id,
        session_id=scope.session_id,
    )
    raw = await sessions.regenerate_session_token(session, authenticator, admin)
    return await session.get_one(AuthSession, admin.session_id), raw
