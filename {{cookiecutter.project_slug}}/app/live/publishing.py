"""Publish events in a transaction.

At any time, or for each change of a row:

    publish(session, f"orders:{order.id}", "shipped")
    publish_changes(Note, "owner_id")  # for each change of a note, on the topic `notes:<owner_id>`
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncSession

from app.database.after_commit import after_commit
from app.database.base import Base
from app.database.row_events import on_change
from app.database.sessions import DriverSession
from app.live.broker import Broker
from app.live.events import Event, check_event


def publish(session: AsyncSession, topic: str, name: str, row_id: object = "") -> None:
    """Send an event to the streams that subscribe to the topic, in all processes, once the transaction is committed.

    It is dropped if the transaction or its savepoint is rolled back. Where no broker is open, as in commands, nothing
    is sent: see `build_broker`.

    Raises:
        ValueError: topic, name and ID are longer than 250 characters together.
        ReadOnlySessionError: the session is read-only, as in a GET route.
    """
    event = Event(topic, name, str(row_id))
    check_event(event)
    broker: Broker | None = cast(DriverSession, session).services.get("broker")
    if broker is not None:
        after_commit(session, partial(_send, broker, event))


async def _send(broker: Broker, event: Event) -> None:
    broker.send(event)


def topic_of(model: type[Base], *values: object) -> str:
    """Return the topic of a model's changes, for these values of the columns of `publish_changes`."""
    return ":".join(map(str, (model.__tablename__, *values)))


def publish_changes(model: type[Base], *columns: str) -> None:
    """Publish each change of a row: `created`, `updated` or `deleted`, with the row's ID.

    The topic has the values of these columns, so that a stream gets only the changes of rows that its user may see:
    with `publish_changes(Note, "owner_id")`, those of `topic_of(Note, scope.user_id)`.
    """

    def publish_change(session: AsyncSession, action: str, row: Mapping[str, Any]) -> None:
        publish(session, topic_of(model, *(row[name] for name in columns)), action, row["id"])

    on_change(model, columns, publish_change)
