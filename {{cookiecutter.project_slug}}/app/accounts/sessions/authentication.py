"""Session lookup: loads the caller on each request, so that revocations take effect immediately."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Executable, Row, bindparam, select, update
from sqlalchemy.orm import aliased

from app.accounts.credentials.authenticator import Authenticator
from app.accounts.models import AuthSession, Role, User, UserRole, is_live
from app.accounts.scope import Scope
from app.database.base import utc_now
from app.database.column_types import UtcDateTime
from app.database.connection import Database

_SEEN_EVERY = timedelta(minutes=1)
_REISSUE_GRACE = timedelta(seconds=30)

# The session of the admin who is signed in as someone else, and the admin.
_Origin, _Admin = aliased(AuthSession), aliased(User)

_NOW = bindparam("now", type_=UtcDateTime())
_goes_on = _Origin.revoked_at.is_(None) & (_Origin.expires_at > _NOW)  # they are at the screen, so it is not idle

# Made once, for they are asked at each request, and to make one takes as long as to ask it.
_CALLERS = (
    select(
        AuthSession.id,
        AuthSession.last_seen_at,
        AuthSession.remember,
        AuthSession.token_issued_at,
        AuthSession.expires_at,
        AuthSession.authenticated_at,
        AuthSession.impersonator_session_id,
        User.id.label("user_id"),
        User.email,
        _Admin.id.label("admin_id"),
        _Admin.email.label("admin_email"),
        _Origin.authenticated_at.label("admin_authenticated_at"),
        UserRole.user_id.label("holder_id"),
        Role.name,
        Role.permissions,
    )
    .join(User, User.id == AuthSession.user_id)
    .outerjoin(_Origin, (_Origin.id == AuthSession.impersonator_session_id) & _goes_on)
    .outerjoin(_Admin, (_Admin.id == _Origin.user_id) & _Admin.is_active)
    .outerjoin(UserRole, UserRole.user_id.in_((User.id, _Admin.id)))
    .outerjoin(Role, Role.id == UserRole.role_id)
    .where(User.is_active, is_live(_NOW))
)
_OF_API = _CALLERS.where(AuthSession.id == bindparam("session_id"))  # of a web session: see app/web/docs.py

_HASHES = bindparam("hashes", expanding=True, type_=AuthSession.token_hash.type)
_replaced_just_now = AuthSession.token_issued_at > bindparam("replaced_after", type_=UtcDateTime())
_OF_WEB = _CALLERS.where(
    AuthSession.kind == "web",
    AuthSession.token_hash.in_(_HASHES) | (AuthSession.previous_token_hash.in_(_HASHES) & _replaced_just_now),
)


class AuthenticatedSession(NamedTuple):
    """The caller and their session."""

    scope: Scope
    last_seen_at: datetime
    remember: bool
    issued_at: datetime
    """Time the cookie was issued."""
    expires_at: datetime


async def authenticate_api_session(database: Database, session_id: UUID) -> Scope | None:
    """Return the caller of an active API session, by access token claims."""
    visit = await _find(database, _OF_API, session_id=session_id)
    return visit.scope if visit else None


async def authenticate_web_session(
    database: Database, authenticator: Authenticator, raw: str, ip: str
) -> AuthenticatedSession | None:
    """Return the active browser session of a cookie, and update its last-seen time.

    A cookie that was replaced because it was old is good for some seconds more: see `sessions.reissue_cookie`.
    """
    hashes = authenticator.keys.digests("web-session", raw)
    visit = await _find(database, _OF_WEB, hashes=hashes, replaced_after=utc_now() - _REISSUE_GRACE)
    if visit is not None and utc_now() - visit.last_seen_at > _SEEN_EVERY:
        lives = authenticator.settings
        await _note_visit(database, visit.scope, lives.remember_idle if visit.remember else lives.session_idle, ip)
    return visit


async def _find(database: Database, query: Executable, **of: object) -> AuthenticatedSession | None:
    """Join session, user and roles in one query: one row for each role, an impersonating admin's included."""
    rows = await database.fetch_all(query, {"now": utc_now(), **of})
    if not rows:
        return None
    row = rows[0]
    scope = Scope(row.user_id, row.id, row.email, *_rights(rows, row.user_id), row.authenticated_at)
    if row.impersonator_session_id is not None:
        admin = (row.admin_id, row.impersonator_session_id, row.admin_email)
        impersonator = Scope(*admin, *_rights(rows, row.admin_id), row.admin_authenticated_at)
        if row.admin_id is None or not impersonator.can_impersonate(scope.roles, scope.permissions):
            return None
        scope = replace(scope, impersonator=impersonator)
    return AuthenticatedSession(scope, row.last_seen_at, row.remember, row.token_issued_at, row.expires_at)


def _rights(rows: Sequence[Row[*tuple[Any, ...]]], user_id: UUID | None) -> tuple[frozenset[str], frozenset[str]]:
    """Return the roles of one of the users that the rows tell of, and what these allow."""
    own = [row for row in rows if row.name and row.holder_id == user_id]
    return frozenset(row.name for row in own), frozenset(item for row in own for item in row.permissions or ())


async def _note_visit(database: Database, scope: Scope, idle: timedelta, ip: str) -> None:
    now = utc_now()
    async with database.sessions.begin() as session:
        await session.execute(
            update(AuthSession)
            .where(AuthSession.id == scope.session_id)
            .values(last_seen_at=now, idle_expires_at=now + idle, ip_last=ip)
        )
