"""Session lookup: loads the caller on each request, so that revocations take effect immediately."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.orm import aliased

from app.accounts.credentials.authenticator import Authenticator
from app.accounts.models import AuthSession, Role, User, UserRole, is_live
from app.accounts.scope import Scope
from app.database.base import utc_now
from app.database.column_types import UtcDateTime
from app.database.connection import Database

_LAST_SEEN_PRECISION = timedelta(minutes=1)
_ROTATION_GRACE = timedelta(seconds=30)

# An impersonating admin and the admin's own session.
_AdminSession, _Admin = aliased(AuthSession), aliased(User)

_NOW = bindparam("now", type_=UtcDateTime())
# Idle expiry doesn't matter: the admin is active in the impersonation.
_admin_signed_in = _AdminSession.revoked_at.is_(None) & (_AdminSession.expires_at > _NOW)

# Built once: these run on each request, and building a statement takes as long as running it.
_SESSIONS = (
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
        User.locale,
        _Admin.id.label("admin_id"),
        _Admin.email.label("admin_email"),
        _AdminSession.authenticated_at.label("admin_authenticated_at"),
        UserRole.user_id.label("holder_id"),
        Role.name,
        Role.permissions,
    )
    .join(User, User.id == AuthSession.user_id)
    .outerjoin(_AdminSession, (_AdminSession.id == AuthSession.impersonator_session_id) & _admin_signed_in)
    .outerjoin(_Admin, (_Admin.id == _AdminSession.user_id) & _Admin.is_active)
    .outerjoin(UserRole, UserRole.user_id.in_((User.id, _Admin.id)))
    .outerjoin(Role, Role.id == UserRole.role_id)
    .where(User.is_active, is_live(_NOW))
)
_BY_ID = _SESSIONS.where(AuthSession.id == bindparam("session_id"))  # of either kind: app/web/docs.py uses web sessions

_BY_IDS = _SESSIONS.where(AuthSession.id.in_(bindparam("session_ids", expanding=True)))

_rotated_recently = AuthSession.token_issued_at > bindparam("rotated_after", type_=UtcDateTime())


@cache
def _by_cookie(count: int) -> Select[*tuple[Any, ...]]:
    """Return the query for one of `count` possible token hashes."""
    hashes = [bindparam(f"hash_{number}", type_=AuthSession.token_hash.type) for number in range(count)]
    return _SESSIONS.where(
        AuthSession.kind == "web",
        AuthSession.token_hash.in_(hashes) | (AuthSession.previous_token_hash.in_(hashes) & _rotated_recently),
    )


class AuthenticatedSession(NamedTuple):
    """The caller and their session."""

    scope: Scope
    last_seen_at: datetime
    remember: bool
    issued_at: datetime
    """Time the cookie was issued."""
    expires_at: datetime


async def authenticate_session_id(database: Database, session_id: UUID) -> Scope | None:
    """Return the caller of an active session of either kind, by the session ID in an access token."""
    current = await _find(database, _BY_ID, session_id=session_id)
    return current.scope if current else None


async def find_callers(database: Database, session_ids: Collection[UUID]) -> Mapping[UUID, Scope]:
    """Return the callers of those sessions that are still active, by session ID."""
    async with database.read_sessions() as session:
        parameters = {"now": utc_now(), "session_ids": list(session_ids)}
        rows = (await session.execute(_BY_IDS, parameters)).all()
    by_session = defaultdict[UUID, list[Any]](list)
    for row in rows:
        by_session[row.id].append(row)
    found = {session_id: _build(theirs) for session_id, theirs in by_session.items()}
    return {session_id: current.scope for session_id, current in found.items() if current}


async def authenticate_web_session(
    database: Database, authenticator: Authenticator, raw: str, ip: str
) -> AuthenticatedSession | None:
    """Return the active browser session of a cookie, and update its last-seen time.

    A rotated cookie stays valid for some seconds: see `sessions.rotate_session_token`.
    """
    hashes = authenticator.keys.digests("web-session", raw)
    values = {f"hash_{number}": token_hash for number, token_hash in enumerate(hashes)}
    current = await _find(database, _by_cookie(len(hashes)), rotated_after=utc_now() - _ROTATION_GRACE, **values)
    if current is not None and utc_now() - current.last_seen_at > _LAST_SEEN_PRECISION:
        settings = authenticator.settings
        idle = settings.remember_idle if current.remember else settings.session_idle
        await _update_last_seen(database, current.scope, idle, ip)
    return current


async def _find(
    database: Database, query: Select[*tuple[Any, ...]], **parameters: object
) -> AuthenticatedSession | None:
    """Load session, user and roles in one query; it returns a row per role, including the impersonating admin's."""
    rows = await database.fetch_all(query, {"now": utc_now(), **parameters})
    return _build(rows) if rows else None


def _build(rows: Sequence[Any]) -> AuthenticatedSession | None:
    """Return the session of these rows; None if it is an impersonation whose admin may no longer do that."""
    row = rows[0]
    roles = _roles_and_permissions(rows, row.user_id)
    scope = Scope(row.user_id, row.id, row.email, *roles, row.authenticated_at, locale=row.locale)
    if row.impersonator_session_id is not None:
        admin = (row.admin_id, row.impersonator_session_id, row.admin_email)
        impersonator = Scope(*admin, *_roles_and_permissions(rows, row.admin_id), row.admin_authenticated_at)
        if row.admin_id is None or not impersonator.can_impersonate(scope.roles, scope.permissions):
            return None
        scope = replace(scope, impersonator=impersonator)
    return AuthenticatedSession(scope, row.last_seen_at, row.remember, row.token_issued_at, row.expires_at)


def _roles_and_permissions(rows: Sequence[Any], user_id: UUID | None) -> tuple[frozenset[str], frozenset[str]]:
    """Return the roles and permissions of one of the users in the rows."""
    own = [row for row in rows if row.name and row.holder_id == user_id]
    return frozenset(row.name for row in own), frozenset(item for row in own for item in row.permissions or ())


async def _update_last_seen(database: Database, scope: Scope, idle: timedelta, ip: str) -> None:
    now = utc_now()
    async with database.sessions.begin() as session:
        await session.execute(
            update(AuthSession)
            .where(AuthSession.id == scope.session_id)
            .values(last_seen_at=now, idle_expires_at=now + idle, ip_last=ip)
        )
