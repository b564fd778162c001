"""Change history on a record's page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.accounts.models import AuthEvent, User
from app.accounts.permissions import Permission
from app.accounts.scope import Scope
from app.admin.auth import get_visitor
from app.admin.base.visibility import referenced_rows, visible_data
from app.database.base import Base
from app.database.keys import key_of
from app.i18n import gettext

MAX_EVENTS = 50
"""Maximum events on a page; the log has the rest."""


@dataclass(frozen=True, slots=True)
class History:
    """The events of a row, newest first."""

    events: Sequence[AuthEvent]
    data: Mapping[UUID, Mapping[str, Any]]
    """The data of each event that the user may see."""
    emails_by_user_id: Mapping[str, str]
    """The email addresses of users that the data reference by ID."""
    visitor: Scope

    def name_actor(self, event: AuthEvent) -> str:
        """Return who acted. Email addresses require `users:read`, except your own."""
        actor = event.actor or event.user
        if actor is None:
            return gettext("Deleted user")
        is_visible = actor.id == self.visitor.user_id or self.visitor.has_permission(Permission.USERS_READ)
        return actor.email if is_visible else gettext("Another user")


async def load_history(request: Request, view: Any, row: Base) -> History:  # noqa: ANN401
    """Return the latest events of a row. Events have no history."""
    session: AsyncSession = request.state.session
    if isinstance(row, AuthEvent):
        return History([], {}, {}, get_visitor(request))
    query = (
        select(AuthEvent)
        .where(AuthEvent.target_type == row.__tablename__, AuthEvent.target_id == str(key_of(row)))
        .options(joinedload(AuthEvent.user), joinedload(AuthEvent.actor))
        .order_by(AuthEvent.id.desc())
        .limit(MAX_EVENTS)
    )
    events = (await session.scalars(query)).all()
    return await read_history(request, session, [view], events)


async def read_history(
    request: Request, session: AsyncSession, views: Sequence[Any], events: Sequence[AuthEvent]
) -> History:
    """Return events with the data that the user may see."""
    data = await visible_data(request, session, views, events)
    changes = [change for values in data.values() for change in values.get("changes", {}).values()]
    ids = {UUID(row["id"]) for change in changes for row in referenced_rows(change) if "name" not in row}
    users = await session.execute(select(User.id, User.email).where(User.id.in_(ids))) if ids else ()
    return History(events, data, {str(user_id): email for user_id, email in users}, get_visitor(request))
