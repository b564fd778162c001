"""Who is behind a session: asked of the database at each request, so that what was taken away counts at once."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authenticator import Authenticator
from app.accounts.models import AuthSession, Role, User, UserRole
from app.accounts.scope import Scope
from app.accounts.sessions import is_live
from app.database import Database, utc_now

_SEEN_EVERY = timedelta(minutes=1)
_REISSUE_GRACE = timedelta(seconds=30)


class Visit(NamedTuple):
    """The caller behind a session, and what else the session tells."""

    scope: Scope
    seen: datetime
    remember: bool
    issued_at: datetime
    """When its cookie was made."""
    expires_at: datetime


async def find_api_caller(database: Database, session_id: UUID) -> Scope | None:
    """Return the caller of a live API session."""
    async with database.reads() as session:
        visit = await _find(session, AuthSession.kind == "api", AuthSession.id == session_id)
    return visit.scope if visit else None


async def find_web_visit(database: Database, authenticator: Authenticator, raw: str, ip: str) -> Visit | None:
    """Return the live browser session of a cookie, and note that its user was here.

    A cookie that was replaced because it was old is good for some seconds more: see `sessions.reissue_cookie`.
    """
    hashes = authenticator.keys.digests("web-session", raw)
    replaced_just_now = AuthSession.token_issued_at > utc_now() - _REISSUE_GRACE
    holds = AuthSession.token_hash.in_(hashes) | (AuthSession.former_token_hash.in_(hashes) & replaced_just_now)
    async with database.reads() as session:
        visit = await _find(session, AuthSession.kind == "web", holds)
    if visit is not None and utc_now() - visit.seen > _SEEN_EVERY:
        lives = authenticator.settings
        await _note_visit(database, visit.scope, lives.remember_idle if visit.remember else lives.session_idle, ip)
    return visit


async def _find(session: AsyncSession, *conditions: ColumnElement[bool]) -> Visit | None:
    """Join session, user and roles in one query: one row for each role."""
    query = (
        select(
            AuthSession.id,
            AuthSession.last_seen_at,
            AuthSession.remember,
            AuthSession.token_issued_at,
            AuthSession.expires_at,
            AuthSession.authenticated_at,
            User.id.label("user_id"),
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
    row = rows[0]
    roles = frozenset(found.name for found in rows if found.name)
    permissions = frozenset(item for found in rows for item in found.permissions or ())
    scope = Scope(row.user_id, row.id, row.email, roles, permissions, row.authenticated_at)
    return Visit(scope, row.last_seen_at, row.remember, row.token_issued_at, row.expires_at)


async def _note_visit(database: Database, scope: Scope, idle: timedelta, ip: str) -> None:
    now = utc_now()
    async with database.sessions.begin() as session:
        await session.execute(
            update(AuthSession)
            .where(AuthSession.id == scope.session_id)
            .values(last_seen_at=now, idle_expires_at=now + idle, ip_last=ip)
        )
