"""Write down what admins do; `log.py` shows it."""

from typing import Any
from uuid import UUID

from fastapi import Request

from app.accounts import browser, events
from app.accounts.dependencies import get_client
from app.accounts.events import Event


async def record(request: Request, event: Event, user_id: UUID | None, **data: Any) -> None:  # noqa: ANN401
    """Write down what an admin did to someone, or to a row: `target`."""
    admin, client = await browser.require_visitor(request), await get_client(request)
    await events.record(request.state.session, event, client, user_id=user_id, actor_id=admin.user_id, **data)
