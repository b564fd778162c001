"""Record audit events of admin actions. `app/admin/views/events.py` displays them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import Request

from app.accounts import events
from app.accounts.api.dependencies import get_client
from app.accounts.events import Event
from app.accounts.scope import Client
from app.admin.auth import get_visitor
from app.database.base import Base


async def record(request: Request, event: Event, user_id: UUID | None, **data: Any) -> None:  # noqa: ANN401
    """Record an admin action on a user or a row (`target`)."""
    await events.record(request.state.session, event, get_admin_client(request), user_id=user_id, **data)


async def record_all(request: Request, actions: Sequence[tuple[Event, UUID | None, Base, dict[str, Any]]]) -> None:
    """Record an admin action on many rows with few statements. They aren't logged; the import's own event is."""
    client, session = get_admin_client(request), request.state.session
    session.add_all(
        events.build_event(event, client, user_id=user_id, target=target, data=data)
        for event, user_id, target, data in actions
    )
    await session.flush()


def get_admin_client(request: Request) -> Client:
    """Return the client of the request, with the admin as the actor."""
    client = get_client(request)
    return client._replace(actor_id=get_visitor(request).user_id)
