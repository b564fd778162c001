"""The log in the admin: what happened to whom, and what admins did to which row. It only grows."""

from collections.abc import Sequence

from fastapi import Request
from sqlalchemy import ColumnElement
from starlette_admin.fields import BaseField, StringField

from app.accounts.models import AuthEvent, User
from app.admin.views import ModelView


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

    def can_create(self, request: Request) -> bool:  # noqa: ARG002
        """Refuse it to everyone."""
        return False

    can_edit = can_delete = can_create

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search in the events, and in the addresses of whom they tell of and of who did it."""
        address = User.email.icontains(term, autoescape=True)
        people = AuthEvent.user.has(address) | AuthEvent.actor.has(address)
        return super().get_search_query(request, term) | people


views: Sequence[type[ModelView]] = (EventView,)
