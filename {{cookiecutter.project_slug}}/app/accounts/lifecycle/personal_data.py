"""Data export and account deletion."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, delete, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.accounts import events, users
from app.accounts.credentials import one_time_tokens
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import AuthEvent, AuthSession, User
from app.accounts.permissions import ADMIN_ROLE
from app.accounts.scope import Client, Scope
from app.database.base import Base, Owned
from app.database.connection import Database
from app.database.keys import key_column

_SECRET = frozenset({"password_hash", "email_key"})


async def export_account(database: Database, scope: Scope, client: Client) -> dict[str, Any]:
    """Return all data stored about the caller: account rows, all `Owned` rows and the IDs of rows that refer to them.

    Hashes and encrypted secrets are left out.

    Raises:
        ForbiddenWhileImpersonating: the caller is an impersonating admin.
    """
    scope.forbid_impersonation()
    async with database.read_sessions() as session:
        profile = await session.get_one(User, scope.user_id)
        copy: dict[str, Any] = {
            "profile": _columns(profile),
            "sessions": await _rows(session, AuthSession, AuthSession.user_id == scope.user_id),
            "events": await _rows(session, AuthEvent, events.events_of_user(scope.user_id)),
        }
        for table in _owned_tables():
            copy[table.__tablename__] = await _rows(session, table, table.owner_id == scope.user_id)
        for reference in _references_to_users():
            name = f"{reference.class_.__tablename__}.{reference.key}"
            copy.setdefault("references", {})[name] = await _referring_ids(session, reference, scope.user_id)
    await events.record_and_commit(
        database, Event.DATA_EXPORTED, client, user_id=scope.user_id, session_id=scope.session_id
    )
    return copy


async def delete_account(database: Database, authenticator: Authenticator, scope: Scope, client: Client) -> None:
    """Delete the caller and everything they own; events are kept, anonymized.

    Raises:
        LastAdmin: the caller is the only admin.
    """
    async with database.sessions.begin() as session:
        previous = await one_time_tokens.find_previous_addresses(session, scope.user_id)
        await delete_users(session, User.id == scope.user_id)
        if ADMIN_ROLE in scope.roles:
            await users.require_active_admin(session)
        anonymous = Client("", "", client.request_id)
        await events.record(session, Event.USER_DELETED, anonymous)
        for address in {scope.email, *previous.addresses}:
            await authenticator.mailer.enqueue(session, address, "account_deleted", locale=previous.locale)


async def delete_users(session: AsyncSession, *which: ColumnElement[bool]) -> int:
    """Delete users and all rows that reference them; anonymize their events."""
    await anonymize_events(session, *which)
    deleted = await session.scalars(
        delete(User).where(*which).returning(User.id), execution_options={"synchronize_session": False}
    )
    return len(deleted.all())


async def anonymize_events(session: AsyncSession, *which: ColumnElement[bool]) -> None:
    """Remove personal data from the users' events before the users are deleted.

    The data of events about other users' rows is kept: it refers to users only by ID.
    """
    ids = select(User.id).where(*which)
    anonymous: dict[str, Any] = {"ip": "", "user_agent": ""}
    for theirs, values in (
        (AuthEvent.actor_id.in_(ids), anonymous),
        (AuthEvent.user_id.in_(ids), {**anonymous, "data": {}}),
    ):
        await session.execute(
            update(AuthEvent).where(theirs).values(values), execution_options={"synchronize_session": False}
        )


def _owned_tables() -> Iterable[Any]:
    tables = [mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Owned)]
    return sorted(tables, key=lambda table: str(table.__tablename__))


def _references_to_users() -> list[InstrumentedAttribute[Any]]:
    """List the relationships to users, except those to owners and those of accounts."""
    found = [
        relation.class_attribute
        for mapper in Base.registry.mappers
        for relation in mapper.relationships
        if mapper.class_.metadata is Base.metadata
        if relation.mapper.class_ is User and relation.key != "owner"
        if mapper.class_ not in {AuthSession, AuthEvent}
    ]
    return sorted(found, key=str)


async def _referring_ids(session: AsyncSession, reference: InstrumentedAttribute[Any], user_id: UUID) -> list[Any]:
    """Return the IDs of the rows that refer to a user. The rows themselves may be private to others."""
    is_list = reference.property.uselist
    refers = reference.any(User.id == user_id) if is_list else reference.has(User.id == user_id)
    key = key_column(reference.parent.class_)
    return list(await session.scalars(select(key).where(refers).order_by(key)))


async def _rows(session: AsyncSession, table: type[Base], mine: ColumnElement[bool]) -> list[dict[str, Any]]:
    rows = await session.scalars(select(table).where(mine).order_by(*inspect(table).primary_key))
    return [_columns(row) for row in rows]


def _columns(row: Base) -> dict[str, Any]:
    """Return the exportable values."""
    return {
        column.key: getattr(row, column.key)
        for column in inspect(type(row)).column_attrs
        if column.key not in _SECRET and not isinstance(column.columns[0].type, LargeBinary)
    }
