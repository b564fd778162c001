"""Write down what admins do; `log.py` shows it."""

from typing import Any
from uuid import UUID

from fastapi import Request

from app.accounts import browser, events
from app.accounts.dependencies import get_client
from app.accounts.events import Event
from app.accounts.scope import Client


async def record(request: Request, event: Event, user_id: UUID | None, **data: Any) -> None:  # noqa: ANN401
    """Write down what an admin did to someone, or to a row: `target`."""
    await events.record(request.state.session, event, await client_of(request), user_id=user_id, **data)


async def client_of(request: Request) -> Client:
    """Return where the request came from, with the admin as who acts."""
    admin, client = await browser.require_visitor(request), await get_client(request)
    return client._replace(actor_id=admin.user_id)
