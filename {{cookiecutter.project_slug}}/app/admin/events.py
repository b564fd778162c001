"""Events in the admin: what happened to whom; what admins do is added, and nobody changes one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import ColumnElement
from starlette_admin.fields import StringField

from app.accounts import browser, events
from app.accounts.dependencies import get_client
from app.accounts.events import Event
from app.accounts.models import AuthEvent, User
from app.admin.panels import Chart, Panel, count_per_day
from app.admin.views import ModelView


async def record(request: Request, event: Event, user_id: UUID | None, **data: Any) -> None:  # noqa: ANN401
    """Write down what an admin did to someone."""
    admin, client = await browser.require_visitor(request), await get_client(request)
    await events.record(request.state.session, event, client, user_id=user_id, actor_id=admin.user_id, **data)


class EventView(ModelView):
    """What happened, newest first."""

    model = AuthEvent
    key = "event"
    icon = "fa-solid fa-clock-rotate-left"
    menu_label = "Events"
    display_name = "Event"
    title_field = "name"
    fields = (
        "id",
        "at",
        StringField("name", "What"),
        "user",
        "actor",
        StringField("ip", "Address"),
        StringField("user_agent", "Program"),
        StringField("data", "More"),
        StringField("request_id", "Request"),
        StringField("session_id", "Session"),
    )
    exclude_fields_from_list = ("id", "user_agent", "request_id", "session_id")

    async def panels(self, request: Request) -> list[Panel]:
        """Show who came in, and who did not."""
        session = request.state.session
        succeeded = AuthEvent.name == Event.LOGIN_SUCCESS
        failed = AuthEvent.name.in_([Event.LOGIN_FAIL, Event.SECOND_FACTOR_FAIL])
        return [
            Chart("Sign-ins", await count_per_day(session, AuthEvent, AuthEvent.at, succeeded)),
            Chart("Failed sign-ins", await count_per_day(session, AuthEvent, AuthEvent.at, failed), bad=True),
        ]

    def can_create(self, request: Request) -> bool:  # noqa: ARG002
        """Refuse it to everyone."""
        return False

    can_edit = can_delete = can_create

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search in the events, and in the addresses of whom they tell of."""
        return super().get_search_query(request, term) | AuthEvent.user.has(User.email.icontains(term, autoescape=True))


views: Sequence[type[ModelView]] = (EventView,)
