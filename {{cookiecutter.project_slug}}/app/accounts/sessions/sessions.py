"""Session management: create, rotate, list and end sessions."""

import secrets
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import AuthSession, User, is_live
from app.accounts.schemas import SessionRead
from app.accounts.scope import Client, Scope
from app.api.live_connections import end_sessions
from app.database.after_commit import after_commit
from app.database.base import utc_now
from app.errors import NotFound


class SessionNotFound(NotFound):
    """No active session with this ID belongs to the caller."""

    title = "Session not found"


async def create_api_session(
    session: AsyncSession, authenticator: Authenticator, user: User, client: Client
) -> AuthSession:
    """Create an API session, which refresh tokens extend."""
    settings = authenticator.settings
    auth_session = _new_session(user, "api", client, settings.refresh_idle, settings.refresh_absolute)
    return await _save(session, authenticator, auth_session)


async def create_web_session(  # noqa: PLR0913 - the columns of a session
    session: AsyncSession,
    authenticator: Authenticator,
    user: User,
    client: Client,
    *,
    remember: bool,
    impersonator: Scope | None = None,
) -> tuple[AuthSession, str]:
    """Create a browser session. Return it and its cookie value, of which only a hash is stored."""
    settings = authenticator.settings
    idle = settings.remember_idle if remember else settings.session_idle
    absolute = settings.remember_absolute if remember else settings.session_absolute
    auth_session = _new_session(user, "web", client, idle, absolute)
    raw = _new_cookie()
    auth_session.token_hash = authenticator.keys.digest("web-session", raw)
    auth_session.remember = remember
    auth_session.impersonator_session_id = impersonator.session_id if impersonator else None
    return await _save(session, authenticator, auth_session), raw


async def rotate_session_token(
    session: AsyncSession, authenticator: Authenticator, session_id: UUID, issued_at: datetime, previous: str
) -> str | None:
    """Replace an aged cookie and return the new one, or None if a concurrent request replaced it.

    The previous cookie stays valid for some seconds, for requests already in progress.
    """
    raw = _new_cookie(previous)
    changed = await session.execute(
        update(AuthSession)
        .where(AuthSession.id == session_id, AuthSession.token_issued_at == issued_at)
        .values(
            previous_token_hash=AuthSession.token_hash,
            token_hash=authenticator.keys.digest("web-session", raw),
            token_issued_at=utc_now(),
        )
        .returning(AuthSession.id)
    )
    return raw if changed.one_or_none() else None


async def regenerate_session_token(
    session: AsyncSession, authenticator: Authenticator, scope: Scope, previous: str = ""
) -> str:
    """Return a new cookie for the caller's session after authentication; the previous one becomes invalid.

    With the previous cookie, CSRF tokens of open forms stay valid.
    """
    raw = _new_cookie(previous)
    await session.execute(
        update(AuthSession)
        .where(AuthSession.id == scope.session_id, AuthSession.kind == "web")
        .values(
            previous_token_hash=None,
            token_hash=authenticator.keys.digest("web-session", raw),
            token_issued_at=utc_now(),
        )
    )
    return raw


async def list_sessions(session: AsyncSession, scope: Scope) -> list[SessionRead]:
    """Return the caller's active sessions, newest first."""
    query = select(AuthSession).where(AuthSession.user_id == scope.user_id, is_live(utc_now()))
    rows = await session.scalars(query.order_by(AuthSession.id.desc()))
    return [_describe(row, current=row.id == scope.session_id) for row in rows]


async def revoke_session(session: AsyncSession, scope: Scope, session_id: UUID, *, client: Client) -> None:
    """End one of the caller's sessions.

    Raises:
        SessionNotFound: also when it has ended, or belongs to someone else.
    """
    if not await _end(session, "revoked", AuthSession.user_id == scope.user_id, AuthSession.id == session_id):
        raise SessionNotFound
    await events.record(session, Event.SESSION_ENDED, client, user_id=scope.user_id, session_id=session_id)


async def revoke_other_sessions(session: AsyncSession, scope: Scope, *, client: Client | None = None) -> int:
    """End all other sessions of the caller; return their number. With a client, record an event."""
    others = AuthSession.user_id == scope.user_id, AuthSession.id != scope.session_id
    ended = await _end(session, "revoked", *others)
    if client is not None:
        await events.record(session, Event.SESSION_ENDED, client, user_id=scope.user_id, sessions=ended)
    return ended


async def revoke_all_sessions(session: AsyncSession, user_id: UUID, reason: str) -> int:
    """End all sessions of a user; return their number."""
    return await _end(session, reason, AuthSession.user_id == user_id)


async def end_session(session: AsyncSession, scope: Scope, reason: str = "logout") -> bool:
    """End the caller's session, and the impersonating admin's, if any. Return whether one was active."""
    ids = scope.session_id, (scope.impersonator or scope).session_id
    return bool(await _end(session, reason, AuthSession.id.in_(ids)))


async def _save(session: AsyncSession, authenticator: Authenticator, auth_session: AuthSession) -> AuthSession:
    """Add a session; end the oldest ones over the limit."""
    session.add(auth_session)
    await session.flush()
    own = AuthSession.user_id == auth_session.user_id, AuthSession.impersonator_session_id.is_(None)
    live = select(AuthSession.id).where(*own, is_live(utc_now()))
    too_old = live.order_by(AuthSession.id.desc()).offset(authenticator.settings.max_sessions)
    await _end(session, "too many", AuthSession.id.in_(too_old))
    return auth_session


async def _end(session: AsyncSession, reason: str, *which: ColumnElement[bool]) -> int:
    now = utc_now()
    ended = await session.execute(
        update(AuthSession)
        .where(*which, is_live(now))
        .values(revoked_at=now, revoked_reason=reason)
        .returning(AuthSession.id)
        .execution_options(synchronize_session=False)
    )
    ids = ended.scalars().all()
    if ids:
        after_commit(session, partial(end_sessions, ids))
    return len(ids)


def _new_session(user: User, kind: str, client: Client, idle: timedelta, absolute: timedelta) -> AuthSession:
    now = utc_now()
    return AuthSession(
        user_id=user.id,
        kind=kind,
        authenticated_at=now,
        last_seen_at=now,
        idle_expires_at=now + idle,
        expires_at=now + absolute,
        ip_first=client.ip,
        ip_last=client.ip,
        user_agent=client.user_agent,
    )


def _new_cookie(previous: str = "") -> str:
    """Return a cookie: a stable part, to which CSRF tokens are bound (see `csrf.py`), and a secret."""
    stable = previous.partition(".")[0] or secrets.token_urlsafe(16)
    return f"{stable}.{secrets.token_urlsafe(32)}"


def _describe(row: AuthSession, *, current: bool) -> SessionRead:
    return SessionRead(
        id=row.id,
        kind="web" if row.kind == "web" else "api",
        impersonated=row.impersonator_session_id is not None,
        current=current,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        ip=row.ip_last,
        user_agent=row.user_agent,
    )
