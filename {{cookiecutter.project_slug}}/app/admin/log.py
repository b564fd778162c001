"""The log in the admin: what happened to whom, and what admins did to which row. It only grows."""

from collections.abc import Sequence
from typing import Any, ClassVar

from fastapi import Request
from starlette_admin.fields import BaseField, StringField

from app.accounts.events import Event
from app.accounts.models import AuthEvent
from app.accounts.permissions import Permission
from app.admin.history import find_people
from app.admin.panels import Chart, Panel, count_per_day
from app.admin.permissions import never
from app.admin.views import ModelView


class EventView(ModelView):
    """What happened, newest first."""

    model = AuthEvent
    see_permission = Permission.USERS_READ
    can_create = can_edit = can_delete = never
    people = ("user_id", "actor_id")
    sortable_field_mapping: ClassVar = {"at": AuthEvent.id}
    key = "event"
    icon = "fa-solid fa-clock-rotate-left"
    menu_label = "Events"
    display_name = "Event"
    title_field = "name"
    date_field = "at"
    fields = (
        "id",
        "at",
        StringField("name", "What"),
        "user",
        "actor",
        StringField("target_type", "Table"),
        StringField("target_id", "Row", list_template="fields/target.html", detail_template="fields/target.html"),
        BaseField(
            "data",
            "More",
            list_template="fields/list/happened.html",
            detail_template="fields/detail/happened.html",
        ),
        StringField("ip", "Address"),
        StringField("user_agent", "Program"),
        StringField("request_id", "Request"),
        StringField("session_id", "Session"),
    )
    exclude_fields_from_list = ("id", "user_agent", "request_id", "session_id")

    async def find_all(self, request: Request, *args: Any, **kwargs: Any) -> Sequence[Any]:  # noqa: ANN401
        """Find out, for a whole page at once, who the people are of whom events have only the keys."""
        events = await super().find_all(request, *args, **kwargs)
        request.state.people = await find_people(request.state.session, events)
        return events

    async def panels(self, request: Request) -> list[Panel]:
        """Show who came in, and who did not."""
        session = request.state.session
        succeeded = AuthEvent.name == Event.LOGIN_SUCCESS
        failed = AuthEvent.name.in_([Event.LOGIN_FAIL, Event.SECOND_FACTOR_FAIL])
        return [
            Chart("Sign-ins", await count_per_day(session, AuthEvent, AuthEvent.at, succeeded)),
            Chart("Failed sign-ins", await count_per_day(session, AuthEvent, AuthEvent.at, failed), bad=True),
        ]


views: Sequence[type[ModelView]] = (EventView,)
