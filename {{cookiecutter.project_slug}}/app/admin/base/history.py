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
from app.database.base import UUIDv7Base

MAX_EVENTS = 50
"""Events that a page shows; the log has the rest."""


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a row, newest first."""

    events: Sequence[AuthEvent]
    data: Mapping[UUID, Mapping[str, Any]]
    """What the visitor may read in the data of each."""
    emails_by_user_id: Mapping[str, str]
    """The addresses, by their keys, of the people whom the data name by keys only."""
    visitor: Scope

    def name_actor(self, event: AuthEvent) -> str:
        """Say who did it: their address only to visitors who may see accounts, and to themselves."""
        person = event.actor or event.user
        if person is None:
            return "Deleted user"
        may_know = person.id == self.visitor.user_id or self.visitor.has_permission(Permission.USERS_READ)
        return person.email if may_know else "Another user"


async def load_history(request: Request, view: Any, row: UUIDv7Base) -> History:  # noqa: ANN401
    """Return the newest events of a row; those of an event are itself."""
    session: AsyncSession = request.state.session
    if isinstance(row, AuthEvent):
        return History([], {}, {}, get_visitor(request))
    query = (
        select(AuthEvent)
        .where(AuthEvent.target_type == row.__tablename__, AuthEvent.target_id == str(row.id))
        .options(joinedload(AuthEvent.user), joinedload(AuthEvent.actor))
        .order_by(AuthEvent.id.desc())
        .limit(MAX_EVENTS)
    )
    events = (await session.scalars(query)).all()
    return await read_history(request, session, [view], events)


async def read_history(
    request: Request, session: AsyncSession, views: Sequence[Any], events: Sequence[AuthEvent]
) -> History:
    """Return events with what the visitor may read of them."""
    data = await visible_data(request, session, views, events)
    changes = [change for told in data.values() for change in told.get("changes", {}).values()]
    ids = {UUID(row["id"]) for change in changes for row in referenced_rows(change) if "name" not in row}
    people = await session.execute(select(User.id, User.email).where(User.id.in_(ids))) if ids else ()
    return History(events, data, {str(user_id): email for user_id, email in people}, get_visitor(request))
