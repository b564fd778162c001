"""Business logic and access rules of API keys."""

import hmac
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import groupby
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events
from app.accounts.credentials import notifications
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import Role, User, UserRole
from app.accounts.permissions import BasePermission, all_permissions
from app.accounts.scope import Client, Scope
from app.accounts.sessions import revocation
from app.api.live_connections import end_sessions
from app.database.after_commit import after_commit
from app.database.base import utc_now
from app.database.connection import Database
from app.errors import Conflict, Forbidden, NotFound
from app.features.api_keys.key_format import generate_key, parse_prefix
from app.features.api_keys.models import ApiKey
from app.features.api_keys.schemas import Access, ApiKeyCreate
from app.i18n import gettext

MAX_KEYS = 50  # per user
_LAST_USED_INTERVAL = timedelta(minutes=1)


class ApiKeyNotFound(NotFound):
    """The key doesn't exist, was revoked, or belongs to another user."""

    title = "API key not found"


class ScopeNotAllowed(Forbidden):
    """A key can't have permissions that its owner doesn't have."""

    title = "You can't grant permissions you don't have"


class TooManyApiKeys(Conflict):
    """The user has the maximum number of keys."""

    title = "Too many API keys"


def keys_for(scope: Scope) -> Select[ApiKey]:
    """Select the caller's keys that are not revoked; every query for the caller starts from this one."""
    return select(ApiKey).where(ApiKey.owner_id == scope.user_id, ApiKey.revoked_at.is_(None))


def grantable_scopes(scope: Scope) -> list[Access | BasePermission]:
    """List the scopes that the caller can grant to a key."""
    return [*Access, *(permission for permission in all_permissions() if scope.has_permission(permission))]


async def list_keys(session: AsyncSession, scope: Scope) -> Sequence[ApiKey]:
    """List the caller's keys, newest first, including expired ones."""
    return (await session.scalars(keys_for(scope).order_by(ApiKey.id.desc()))).all()


async def get_key(session: AsyncSession, scope: Scope, key_id: UUID) -> ApiKey:
    """Return one of the caller's keys.

    Raises:
        ApiKeyNotFound: also when it was revoked or belongs to another user.
    """
    key = await session.scalar(keys_for(scope).where(ApiKey.id == key_id))
    if key is None:
        raise ApiKeyNotFound
    return key


async def create_key(
    session: AsyncSession, authenticator: Authenticator, scope: Scope, data: ApiKeyCreate, client: Client
) -> tuple[ApiKey, str]:
    """Create a key; the second value is the key itself, which is not stored.

    Raises:
        ScopeNotAllowed: when it would have permissions that the caller doesn't have.
        TooManyApiKeys: when the caller has `MAX_KEYS`.
        SessionEnded: when the caller's session has ended.
    """
    if missing := data.scopes.difference(grantable_scopes(scope)):
        raise ScopeNotAllowed(", ".join(sorted(missing)))
    await revocation.lock_account(session, scope)  # so that concurrent requests count each other's keys
    if len(await list_keys(session, scope)) >= MAX_KEYS:
        raise TooManyApiKeys(gettext("You can have at most %(count)s API keys. Revoke one first.", count=MAX_KEYS))
    prefix, raw = generate_key()
    key = ApiKey(
        owner_id=scope.user_id,
        name=data.name,
        prefix=prefix,
        key_hash=authenticator.keys.digest("api-key", raw),
        scopes=sorted(data.scopes),
        expires_at=utc_now() + timedelta(days=data.expires_in_days),
    )
    session.add(key)
    await session.flush()
    await _notify(session, authenticator, scope, key, client)
    return key, raw


async def revoke_key(session: AsyncSession, key: ApiKey, client: Client, *, actor_id: UUID | None = None) -> None:
    """Revoke a key, if it is not yet revoked. `actor_id` is the user who does it, if not the owner."""
    if key.revoked_at is None:
        key.revoked_at = utc_now()
        after_commit(session, partial(end_sessions, [key.id]))
        await events.record(
            session, Event.KEY_REVOKED, client, user_id=key.owner_id, actor_id=actor_id, target=key, prefix=key.prefix
        )


async def revoke_all(session: AsyncSession, user_id: UUID, client: Client) -> None:
    """Revoke all keys of a user."""
    revoked = await session.scalars(
        update(ApiKey)
        .where(ApiKey.owner_id == user_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=utc_now())
        .returning(ApiKey.prefix)
        .execution_options(synchronize_session=False)
    )
    if prefixes := sorted(revoked.all()):
        await events.record(session, Event.KEY_REVOKED, client, user_id=user_id, prefixes=prefixes)


async def authenticate(database: Database, authenticator: Authenticator, raw: str, client: Client) -> Scope | None:
    """Return the scope of a key: its owner with their current roles, limited to the scopes of the key.

    None for any invalid key. Malformed keys are rejected without a query.
    """
    prefix = parse_prefix(raw)
    if prefix is None:
        return None
    async with database.read_sessions() as session:
        found = await _find(session, ApiKey.prefix == prefix)
    if not found:
        return None
    ((key, scope),) = found
    digests = authenticator.keys.digests("api-key", raw)
    if not any(hmac.compare_digest(key.key_hash, digest) for digest in digests):
        return None
    await _record_use(database, key, client, digests[0])
    return scope


async def find_callers(database: Database, key_ids: Collection[UUID]) -> Mapping[UUID, Scope]:
    """Return the scopes of those keys that are still valid, by the ID of the key."""
    async with database.read_sessions() as session:
        return {key.id: scope for key, scope in await _find(session, ApiKey.id.in_(key_ids))}


async def _find(session: AsyncSession, which: ColumnElement[bool]) -> list[tuple[ApiKey, Scope]]:
    """Load valid keys, their owners and their roles with one query."""
    query = (
        select(ApiKey, User.email, Role.name, Role.permissions)
        .join(User, User.id == ApiKey.owner_id)
        .outerjoin(UserRole, UserRole.user_id == User.id)
        .outerjoin(Role, Role.id == UserRole.role_id)
        .where(which, ApiKey.revoked_at.is_(None), ApiKey.expires_at > utc_now(), User.is_active)
        .order_by(ApiKey.id)
    )
    rows = (await session.execute(query)).all()
    return [_with_scope(list(theirs)) for _, theirs in groupby(rows, lambda row: row[0].id)]


def _with_scope(rows: Sequence[Row[ApiKey, str, str, list[str]]]) -> tuple[ApiKey, Scope]:
    key, email, _, _ = rows[0]
    roles = frozenset(row[2] for row in rows if row[2])
    permissions = frozenset(item for row in rows for item in row[3] or ())
    # The key's id stands in for a session id: it matches no session, so a key never counts as a recent sign-in.
    return key, Scope(key.owner_id, key.id, email, roles, permissions, key.created_at, frozenset(key.scopes))


async def _record_use(database: Database, key: ApiKey, client: Client, key_hash: bytes) -> None:
    """Record the last use, at most once a minute, even with concurrent requests.

    Also stores the hash made with the current `SECRET_KEY`, so that keys in use outlive `SECRET_KEY_FALLBACKS`.
    """
    now = utc_now()
    if key.last_used_at is not None and now - key.last_used_at <= _LAST_USED_INTERVAL:
        return
    async with database.sessions.begin() as session:
        recorded = await session.execute(
            update(ApiKey)
            .where(ApiKey.id == key.id, ApiKey.last_used_at.is_not_distinct_from(key.last_used_at))
            .values(last_used_at=now, last_used_ip=client.ip, key_hash=key_hash)
            .returning(ApiKey.id)
        )
        if recorded.one_or_none():
            await events.record(session, Event.KEY_USED, client, user_id=key.owner_id, prefix=key.prefix)


async def _notify(
    session: AsyncSession, authenticator: Authenticator, scope: Scope, key: ApiKey, client: Client
) -> None:
    """Record the event and notify the owner, whose session an attacker may be using."""
    await events.record(
        session,
        Event.KEY_CREATED,
        client,
        user_id=scope.user_id,
        session_id=scope.session_id,
        prefix=key.prefix,
        scopes=key.scopes,
    )
    about = {"name": key.name, "prefix": key.prefix}
    await notifications.notify(session, authenticator, scope.user_id, scope.email, "api_key_created", **about)
