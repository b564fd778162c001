"""Admin view for sessions, which can be ended."""

from collections.abc import Sequence
from functools import partial

from fastapi import Request
from sqlalchemy import select
from starlette_admin.fields import BooleanField, DateTimeField, EnumField, StringField
from starlette_admin.flash import flash

from app.accounts.events import Event
from app.accounts.models import AuthSession, is_live
from app.accounts.permissions import Permission
from app.admin.base.actions import bulk_and_row_action
from app.admin.base.audit_log import record
from app.admin.base.dashboard import Metric, Panel, count_up_to_limit
from app.admin.base.menu import PEOPLE
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.admin.views.roles import UserOwnedView
from app.api.live_connections import end_sessions
from app.database.after_commit import after_commit
from app.database.base import utc_now
from app.i18n import gettext, gettext_noop

_REASONS = (
    gettext_noop("admin"),
    gettext_noop("disabled"),
    gettext_noop("email change reverted"),
    gettext_noop("email verified"),
    gettext_noop("impersonation ended"),
    gettext_noop("logout"),
    gettext_noop("password reset"),
    gettext_noop("refresh_reuse"),
    gettext_noop("second factor removed"),
    gettext_noop("signed in again"),
    gettext_noop("signed out everywhere"),
    gettext_noop("too many"),
)
"""Why sessions end, for the catalogs."""


def _is_impersonated(request: Request, row: AuthSession) -> bool:  # noqa: ARG001 - passed by the library
    return row.impersonator_session_id is not None


def _reason(request: Request, row: AuthSession) -> str | None:  # noqa: ARG001 - as above
    return row.revoked_reason and gettext(row.revoked_reason)


class SessionView(UserOwnedView):
    """Sessions of all users, web and API."""

    model = AuthSession
    user_relation = "user"
    view_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    audited_separately = ModelView.audited_separately | {"end"}
    can_create = can_edit = can_delete = never
    key = "session"
    section = PEOPLE
    icon = "fa-solid fa-laptop"
    menu_label = "Sessions"
    display_name = "Session"
    title_field = "id"
    fields = (
        "id",
        "user",
        EnumField("kind", choices=[("web", "Browser"), ("api", "API client")]),
        BooleanField(
            "impersonated", "Impersonated", getter=_is_impersonated, filters=[], searchable=False, orderable=False
        ),
        DateTimeField("created_at", "Signed in"),
        DateTimeField("last_seen_at", "Last seen"),
        StringField("ip_last", "IP address"),
        StringField("user_agent", "User agent"),
        DateTimeField("expires_at", "Expires"),
        DateTimeField("revoked_at", "Ended"),
        StringField("revoked_reason", "Reason", getter=_reason),
    )
    list_columns = ("user", "kind", "impersonated", "last_seen_at", "ip_last", "revoked_at")
    exclude_fields_from_list = ("id", "user_agent", "expires_at", "revoked_reason")

    async def panels(self, request: Request) -> list[Panel]:
        """Return the number of active sessions."""
        live = select(AuthSession.id).where(is_live(utc_now()))
        return [Metric(gettext("Active sessions"), await count_up_to_limit(request.state.session, live))]

    @bulk_and_row_action(
        "end",
        "End",
        "End these sessions? Their users are signed out immediately.",
        single_confirmation="End this session? Its user is signed out immediately.",
        icon_class="fa-solid fa-ban",
    )
    async def end_action(self, request: Request, rows: Sequence[AuthSession]) -> None:
        """End sessions."""
        for row in rows:
            if row.revoked_at is None:
                row.revoked_at, row.revoked_reason = utc_now(), "admin"
                after_commit(request.state.session, partial(end_sessions, [row.id]))
                await record(request, Event.SESSION_ENDED, row.user_id, target=row, session_id=row.id)
        flash(request, gettext("The selected sessions have ended."), "success")

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: AuthSession) -> bool:
        """Hide "End" for ended sessions."""
        return (name != "end" or obj.revoked_at is None) and await super().is_row_action_allowed_for_obj(
            request, name, obj
        )
