"""Audit events of accounts and admin changes: one row and one log line each, without secrets.

Names follow OWASP's logging vocabulary.
https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html
"""

import logging
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import AuthEvent
from app.accounts.schemas import EventRead
from app.accounts.scope import Client, Scope
from app.api.pagination import Page, PageParams, paginate
from app.database.base import Base
from app.database.connection import Database
from app.database.keys import key_of

_log = logging.getLogger("app.events")


class Event(StrEnum):
    """Event types."""

    USER_CREATED = "user_created"
    USER_DELETED = "user_deleted"
    EMAIL_VERIFIED = "email_verified"
    LOGIN_SUCCESS = "authn_login_success"
    LOGIN_FAIL = "authn_login_fail"
    LOGIN_LOCK = "authn_login_lock"
    LOGOUT = "authn_logout"
    TOKEN_REUSE = "authn_token_reuse"  # noqa: S105 - a name
    REAUTHENTICATED = "authn_reauthenticated"
    PASSWORD_CHANGE = "authn_password_change"  # noqa: S105 - a name
    PASSWORD_RESET_REQUESTED = "authn_password_reset_requested"  # noqa: S105 - a name
    PASSWORD_RESET = "authn_password_reset"  # noqa: S105 - a name
    EMAIL_CHANGE_REQUESTED = "user_email_change_requested"
    EMAIL_CHANGED = "user_email_changed"
    EMAIL_CHANGE_CANCELED = "user_email_change_canceled"
    EMAIL_REVERTED = "user_email_reverted"
    SESSION_ENDED = "session_ended"
    SECOND_FACTOR_ADDED = "authn_second_factor_added"
    SECOND_FACTOR_REMOVED = "authn_second_factor_removed"
    SECOND_FACTOR_FAIL = "authn_second_factor_fail"
    RECOVERY_CODES_GENERATED = "authn_recovery_codes_generated"
    RECOVERY_CODE_USED = "authn_recovery_code_used"
    KEY_CREATED = "authn_key_created"
    KEY_REVOKED = "authn_key_revoked"
    KEY_USED = "authn_key_used"
    ROLES_CHANGED = "privilege_permissions_changed"
    DATA_EXPORTED = "user_data_exported"
    ROW_CREATED = "data_created"
    ROW_CHANGED = "data_changed"
    ROW_DELETED = "data_deleted"
    ROWS_EXPORTED = "data_exported"
    ROWS_IMPORTED = "data_imported"
    ADMIN_ACTION = "admin_action"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    IMPERSONATION_STARTED = "impersonation_started"
    IMPERSONATION_ENDED = "impersonation_ended"


ROW_EVENTS = frozenset({Event.ROW_CREATED, Event.ROW_CHANGED, Event.ROW_DELETED, Event.ADMIN_ACTION})
"""Events for admins only: their data may include columns that are hidden from the owner."""


async def record(  # noqa: PLR0913 - the columns of an event
    session: AsyncSession,
    event: Event,
    client: Client,
    *,
    user_id: UUID | None = None,
    actor_id: UUID | None = None,
    session_id: UUID | None = None,
    target: Base | type[Base] | None = None,
    **data: Any,  # noqa: ANN401 - JSON values
) -> None:
    """Record an event in the current transaction, and log it. `target` is the affected row or table.

    `actor_id` defaults to the client's. Row events are logged without the row's data.
    """
    row = build_event(event, client, user_id=user_id, target=target, data=data)
    row.actor_id, row.session_id = actor_id or client.actor_id, session_id
    session.add(row)
    await session.flush()
    about = f"{row.target_type}/{row.target_id}" if event in ROW_EVENTS else data or ""
    _log.info("%s user=%s ip=%s request=%s %s", event, user_id, client.ip, client.request_id, about)


def build_event(
    event: Event,
    client: Client,
    *,
    user_id: UUID | None,
    target: Base | type[Base] | None,
    data: dict[str, Any],
) -> AuthEvent:
    """Build an event without saving it."""
    return AuthEvent(
        name=event,
        user_id=user_id,
        actor_id=client.actor_id,
        ip=client.ip,
        user_agent=client.user_agent,
        request_id=client.request_id,
        target_type=target.__tablename__ if target else None,
        target_id=str(key_of(target)) if isinstance(target, Base) else None,
        data=data,
    )


async def record_and_commit(database: Database, event: Event, client: Client, **about: Any) -> None:  # noqa: ANN401
    """Record an event in its own transaction, so that it survives the rollback of the request."""
    async with database.sessions.begin() as session:
        await record(session, event, client, **about)


async def list_events(session: AsyncSession, scope: Scope, page: PageParams) -> Page[EventRead]:
    """Return a page of the caller's events, newest first."""
    return await paginate(session, select(AuthEvent).where(events_of_user(scope.user_id)), AuthEvent, EventRead, page)


def events_of_user(user_id: UUID) -> ColumnElement[bool]:
    """Select the events visible to a user."""
    return (AuthEvent.user_id == user_id) & AuthEvent.name.not_in(ROW_EVENTS)
