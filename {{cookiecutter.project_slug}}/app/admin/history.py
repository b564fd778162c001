"""The history of a row, as its page shows it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.accounts.models import AuthEvent, User
from app.database import Keyed

NEWEST = 50
"""Events that a page shows; the log has the rest."""


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a row, newest first, and who those people are today of whom the events have only the keys."""

    events: Sequence[AuthEvent]
    people: Mapping[str, str]


async def load(session: AsyncSession, row: Keyed) -> History:
    """Return the newest events of a row; those of an event are itself."""
    if isinstance(row, AuthEvent):
        return History([], await find_people(session, [row]))
    query = (
        select(AuthEvent)
        .where(AuthEvent.target_type == row.__tablename__, AuthEvent.target_id == str(row.id))
        .options(joinedload(AuthEvent.user), joinedload(AuthEvent.actor))
        .order_by(AuthEvent.id.desc())
        .limit(NEWEST)
    )
    events = (await session.scalars(query)).all()
    return History(events, await find_people(session, events))


async def find_people(session: AsyncSession, events: Sequence[AuthEvent]) -> Mapping[str, str]:
    """Return the addresses, by their keys, of the people in the changes that events tell of."""
    ids = {
        UUID(found) for event in events for change in event.data.get("changes", {}).values() for found in _keys(change)
    }
    if not ids:
        return {}
    people = await session.execute(select(User.id, User.email).where(User.id.in_(ids)))
    return {str(user_id): email for user_id, email in people}


def _keys(change: Mapping[str, Any]) -> Iterator[str]:
    """Find the rows in a change that stand there without a name."""
    for value in (change.get("old"), change.get("new"), *change.get("added", ()), *change.get("removed", ())):
        if isinstance(value, dict) and "name" not in value:
            yield value["id"]
