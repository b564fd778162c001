"""Admin view for emails: queued, sent and failed ones, without recipients and content."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import Request
from sqlalchemy import ColumnElement, Select, select
from starlette_admin import RequestAction
from starlette_admin.fields import DateTimeField, EnumField, StringField
from starlette_admin.flash import flash

from app.accounts.permissions import Permission
from app.admin.base.actions import bulk_and_row_action
from app.admin.base.dashboard import Metric, Panel, count_up_to_limit
from app.admin.base.menu import SYSTEM
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.database.base import utc_now
from app.i18n import gettext, gettext_noop
from app.jobs import job_queue
from app.jobs.models import Job, JobState
from app.mail.jobs import send

_TYPES: Mapping[str, str] = {
    "account_deleted": gettext_noop("Account deleted"),
    "already_registered": gettext_noop("Account already exists"),
    "api_key_created": gettext_noop("API key created"),
    "confirm_email": gettext_noop("Confirmation of a new email address"),
    "email_change_requested": gettext_noop("Email change requested"),
    "email_changed": gettext_noop("Email address changed"),
    "email_changed_notice": gettext_noop("Email address changed again"),
    "email_reverted": gettext_noop("Email change reverted"),
    "email_taken": gettext_noop("Email address already in use"),
    "new_sign_in": gettext_noop("New sign-in"),
    "password_changed": gettext_noop("Password changed"),
    "password_reset": gettext_noop("Password reset"),
    "recovery_code_used": gettext_noop("Recovery code used"),
    "recovery_codes_generated": gettext_noop("Recovery codes replaced"),
    "reset_password": gettext_noop("Link to reset the password"),
    "second_factor_added": gettext_noop("Two-factor authentication enabled"),
    "second_factor_locked": gettext_noop("Too many incorrect codes"),
    "second_factor_removed": gettext_noop("Two-factor authentication disabled"),
    "token_reuse": gettext_noop("Refresh token reused"),
    "verify_email": gettext_noop("Confirmation of the email address"),
}
"""What emails are about, by their templates in `mails/`."""


_STATES = [
    ("pending", "Pending"),
    ("running", "Being sent"),
    ("succeeded", "Sent"),
    ("failed", "Failed"),
    ("canceled", "Canceled"),
]
_IS_EMAIL = Job.name == send.name


def _type_of(request: Request, template: str) -> str:  # noqa: ARG001 - passed by the library
    """Return what an email is about, or the name of its template as words."""
    return gettext(_TYPES.get(template) or template.replace("_", " ").capitalize())


def _next_attempt(request: Request, row: Job) -> datetime | None:  # noqa: ARG001 - passed by the library
    return row.due_at if row.state == JobState.PENDING else None


class EmailView(ModelView):
    """The jobs that send emails. They can be retried, or deleted before they are sent."""

    model = Job
    view_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    can_create = can_edit = never  # emails are sent by the app only
    key = "mail"
    section = SYSTEM
    icon = "fa-solid fa-envelope"
    menu_label = "Emails"
    display_name = "Email"
    title_field = "label"
    fields = (
        "id",
        StringField("label", "Type", formatter={RequestAction.LIST: _type_of, RequestAction.DETAIL: _type_of}),
        EnumField("state", choices=_STATES),
        DateTimeField("created_at", "Queued"),
        "attempts",
        DateTimeField("due_at", "Next attempt", getter=_next_attempt),
        DateTimeField("ended_at", "Ended"),
        StringField("last_error", "Last error"),
    )
    exclude_fields_from_list = ("id", "ended_at")
    delete_warning = "Emails that have not been sent will not be sent."

    def visible_rows(self, request: Request, rows: Select[Any]) -> Select[Any]:
        """Show the jobs that send emails."""
        return super().visible_rows(request, rows).where(_IS_EMAIL)

    def title_of(self, request: Request, row: Job) -> str:
        """Return what an email is about."""
        return _type_of(request, row.label)

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search what emails are about, too."""
        found = [name for name in _TYPES if term.casefold() in _type_of(request, name).casefold()]
        return super().get_search_query(request, term) | Job.label.in_(found)

    async def panels(self, request: Request) -> list[Panel]:
        """Return the numbers of queued and failed emails."""
        emails = select(Job.id).where(_IS_EMAIL)
        queries = {
            gettext("Queued emails"): emails.where(Job.ended_at.is_(None)),
            gettext("Failed emails"): emails.where(Job.state == JobState.FAILED),
        }
        return [
            Metric(label, await count_up_to_limit(request.state.session, query)) for label, query in queries.items()
        ]

    @bulk_and_row_action(
        "retry",
        "Retry",
        "Retry sending these emails?",
        single_confirmation="Retry sending this email?",
        icon_class="fa-solid fa-rotate-right",
    )
    async def retry_action(self, request: Request, rows: Sequence[Job]) -> None:
        """Queue emails that have not been sent."""
        session = request.state.session
        waiting = [row for row in rows if row.state == JobState.PENDING]
        for row in waiting:
            row.attempts, row.due_at = 0, utc_now()
        await session.flush()
        count = len(waiting) + await job_queue.retry(session, rows)
        flash(request, gettext("Queued for retry: %(count)s.", count=count), "success")

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Job) -> bool:
        """Hide "Retry" for emails that are sent or being sent."""
        is_hidden = name == "retry" and obj.state in {JobState.RUNNING, JobState.SUCCEEDED}
        return not is_hidden and await super().is_row_action_allowed_for_obj(request, name, obj)
