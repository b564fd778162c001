"""Impersonation: admins can sign in as another user.

An impersonation is a session of that user that refers to the admin's own session. `authentication.py` checks both on
each request: the admin must be signed in, active and still permitted. `Scope.forbid_impersonation` protects what only
the owner may do. Events are recorded with the admin as actor.
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

_TTL = timedelta(hours=1)


class ImpersonationRefused(Forbidden):
    """The caller lacks the permission, or the user is an admin, has more permissions, is disabled, or is the caller."""

    title = "You can't sign in as this user"


async def start(
    session: AsyncSession, authenticator: Authenticator, scope: Scope, user: User, client: Client
) -> tuple[AuthSession, str]:
    """Create a session in which the caller is signed in as this user. Return it and its cookie value.

    No email is sent; the user sees it in their sessions and activity.

    Raises:
        ReauthenticationRequired: when the caller authenticated too long ago.
        ForbiddenWhileImpersonating: when the caller is impersonating already.
        ImpersonationRefused: when the caller may not sign in as this user.
    """
    await require_impersonable(session, authenticator, scope, user)
    auth_session, raw = await sessions.create_web_session(
        session, authenticator, user, client, remember=False, impersonator=scope
    )
    auth_session.expires_at = min(auth_session.expires_at, utc_now() + _TTL)
    await events.record(
        session,
        Event.IMPERSONATION_STARTED,
        client,
        user_id=user.id,
        actor_id=scope.user_id,
        session_id=auth_session.id,
    )
    return auth_session, raw


async def require_impersonable(session: AsyncSession, authenticator: Authenticator, scope: Scope, user: User) -> None:
    """Check that the caller may sign in as this user.

    Raises:
        ReauthenticationRequired, ForbiddenWhileImpersonating, ImpersonationRefused: see `start`.
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
    """End the impersonation. Return the admin's own session and a new cookie value for it.

    Return None if it has ended already, so that a copied cookie can't open the admin's session.
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
