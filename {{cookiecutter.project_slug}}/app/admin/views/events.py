"""Admin view for the audit log (append-only)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from fastapi import Request
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from starlette_admin.fields import BaseField, StringField
from starlette_admin.views import BaseModelView

from app.accounts.event_labels import label_of
from app.accounts.events import Event
from app.accounts.models import AuthEvent
from app.accounts.permissions import Permission
from app.admin.base import history
from app.admin.base.dashboard import Chart, Panel, count_per_day
from app.admin.base.menu import SYSTEM
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.i18n import gettext


class EventDataField(BaseField):
    """The data of an event, without what the user can't access."""

    async def parse_obj(self, request: Request, obj: AuthEvent) -> Any:  # noqa: ANN401
        """Return the data that `EventView.prefetch` loaded."""
        return request.state.event_history.data[obj.id]


class EventView(ModelView):
    """Events, newest first."""

    model = AuthEvent
    view_permission = Permission.USERS_READ
    can_create = can_edit = can_delete = never
    sortable_field_mapping: ClassVar = {"at": AuthEvent.id}
    key = "event"
    section = SYSTEM
    icon = "fa-solid fa-clock-rotate-left"
    menu_label = "Events"
    display_name = "Event"
    title_field = "name"
    date_field = "at"
    fields = (
        "id",
        "at",
        StringField("name", "Event", list_template="fields/event_name.html", detail_template="fields/event_name.html"),
        "user",
        "actor",
        StringField("target_type", "Table"),
        StringField(
            "target_id", "Record", list_template="fields/event_target.html", detail_template="fields/event_target.html"
        ),
        EventDataField(
            "data",
            "Details",
            list_template="fields/event_data.html",
            detail_template="fields/event_data.html",
        ),
        StringField("ip", "IP address"),
        StringField("user_agent", "User agent"),
        StringField("request_id", "Request"),
        StringField("session_id", "Session"),
    )
    list_columns = ("at", "name", "user", "actor", "target_id", "data")
    exclude_fields_from_list = ("id", "user_agent", "request_id", "session_id")

    views: Sequence[BaseModelView] = ()
    """All views of the site, which define what the user can access."""

    def title_of(self, request: Request, row: AuthEvent) -> str:  # noqa: ARG002 - as in `ModelView`
        """Return the label of an event."""
        return label_of(row.name)

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search the labels of events, too."""
        names = [event for event in Event if term.casefold() in label_of(event).casefold()]
        return super().get_search_query(request, term) | AuthEvent.name.in_(names)

    async def prefetch(self, request: Request, session: AsyncSession, rows: Sequence[Any]) -> None:
        """Load the readable data of a page of events, and the users that they refer to by ID only."""
        await super().prefetch(request, session, rows)
        request.state.event_history = await history.read_history(request, session, self.views, rows)

    async def panels(self, request: Request) -> list[Panel]:
        """Return charts of successful and failed sign-ins."""
        session = request.state.session
        succeeded = AuthEvent.name == Event.LOGIN_SUCCESS
        failed = AuthEvent.name.in_([Event.LOGIN_FAIL, Event.SECOND_FACTOR_FAIL])
        return [
            Chart(gettext("Sign-ins"), await count_per_day(session, AuthEvent, AuthEvent.at, succeeded)),
            Chart(
                gettext("Failed sign-ins"),
                await count_per_day(session, AuthEvent, AuthEvent.at, failed),
                is_warning=True,
            ),
        ]
