"""Sessions: open one at sign-in, find the caller behind one, end one."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authenticator import Authenticator
from app.accounts.models import AuthSession, Role, User, UserRole
from app.accounts.scope import Client, Scope
from app.database import Database, utc_now

_SEEN_EVERY = timedelta(minutes=1)


async def open_api_session(
    session: AsyncSession, authenticator: Authenticator, user: User, client: Client
) -> AuthSession:
    """Open a session whose access the refresh tokens prolong."""
    lives = authenticator.settings
    opened = _new_session(user, "api", client, lives.refresh_idle, lives.refresh_absolute)
    session.add(opened)
    await session.flush()
    return opened


async def open_web_session(
    session: AsyncSession,
    authenticator: Authenticator,
    user: User,
    client: Client,
    *,
    remember: bool,
) -> tuple[AuthSession, str]:
    """Open a browser's session; the second value is for its cookie and is stored nowhere."""
    lives = authenticator.settings
    idle = lives.remember_idle if remember else lives.session_idle
    absolute = lives.remember_absolute if remember else lives.session_absolute
    opened = _new_session(user, "web", client, idle, absolute)
    raw = secrets.token_urlsafe(32)
    opened.token_hash = authenticator.keys.digest("web-session", raw)
    opened.remember = remember
    session.add(opened)
    await session.flush()
    return opened, raw


async def find_api_caller(database: Database, session_id: UUID) -> Scope | None:
    """Return the caller of a live API session."""
    async with database.reads() as session:
        found = await _find(session, AuthSession.kind == "api", AuthSession.id == session_id)
    return found[0] if found else None


async def find_web_caller(database: Database, authenticator: Authenticator, raw: str) -> Scope | None:
    """Return the caller of a live browser session, and note that they were here."""
    hashes = authenticator.keys.digests("web-session", raw)
    async with database.reads() as session:
        found = await _find(session, AuthSession.kind == "web", AuthSession.token_hash.in_(hashes))
    if found is None:
        return None
    scope, seen, remember = found
    if utc_now() - seen > _SEEN_EVERY:
        lives = authenticator.settings
        await _note_visit(database, scope, lives.remember_idle if remember else lives.session_idle)
    return scope


async def end_session(session: AsyncSession, scope: Scope, reason: str = "logout") -> None:
    """End the caller's session: its cookie and its tokens are dead from now on."""
    await session.execute(
        update(AuthSession)
        .where(AuthSession.id == scope.session_id, AuthSession.revoked_at.is_(None))
        .values(revoked_at=utc_now(), revoked_reason=reason)
    )


def is_live(now: datetime) -> ColumnElement[bool]:
    """Select the sessions that still count."""
    return AuthSession.revoked_at.is_(None) & (AuthSession.expires_at > now) & (AuthSession.idle_expires_at > now)


async def _find(session: AsyncSession, *conditions: ColumnElement[bool]) -> tuple[Scope, datetime, bool] | None:
    """Join session, user and roles in one query: one row for each role."""
    query = (
        select(
            AuthSession.id,
            AuthSession.last_seen_at,
            AuthSession.remember,
            AuthSession.authenticated_at,
            User.id,
            User.email,
            Role.name,
            Role.permissions,
        )
        .join(User, User.id == AuthSession.user_id)
        .outerjoin(UserRole, UserRole.user_id == User.id)
        .outerjoin(Role, Role.id == UserRole.role_id)
        .where(*conditions, User.is_active, is_live(utc_now()))
    )
    rows = (await session.execute(query)).all()
    if not rows:
        return None
    session_id, seen, remember, authenticated_at, user_id, email, _, _ = rows[0]
    roles = frozenset(row[6] for row in rows if row[6])
    permissions = frozenset(item for row in rows for item in row[7] or ())
    return Scope(user_id, session_id, email, roles, permissions, authenticated_at), seen, remember


async def _note_visit(database: Database, scope: Scope, idle: timedelta) -> None:
    now = utc_now()
    async with database.sessions.begin() as session:
        await session.execute(
            update(AuthSession)
            .where(AuthSession.id == scope.session_id)
            .values(last_seen_at=now, idle_expires_at=now + idle)
        )


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
