"""Admin view for the outbox: queued and failed emails, without recipients and content."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from fastapi import Request
from sqlalchemy import ColumnElement, select
from starlette_admin import RequestAction
from starlette_admin.fields import DateTimeField, EnumField, StringField
from starlette_admin.flash import flash

from app.accounts.api.dependencies import get_authenticator
from app.accounts.permissions import Permission
from app.admin.base.actions import bulk_and_row_action
from app.admin.base.dashboard import Metric, Panel, count_up_to_limit
from app.admin.base.menu import SYSTEM
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.i18n import gettext, gettext_noop
from app.mail import outbox
from app.mail.models import OutboxMessage

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


def _type_of(request: Request, template: str) -> str:  # noqa: ARG001 - passed by the library
    """Return what an email is about, or the name of its template as words."""
    return gettext(_TYPES.get(template) or template.replace("_", " ").capitalize())


def _next_attempt(request: Request, row: OutboxMessage) -> datetime | None:  # noqa: ARG001 - passed by the library
    return row.next_attempt_at if row.state == "pending" else None


class OutboxView(ModelView):
    """The outbox. Emails can be retried, or deleted before they are sent."""

    model = OutboxMessage
    view_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    can_create = can_edit = never  # emails are sent by the app only
    key = "mail"
    section = SYSTEM
    icon = "fa-solid fa-envelope"
    menu_label = "Emails"
    display_name = "Email"
    title_field = "template"
    fields = (
        "id",
        StringField("template", "Type", formatter={RequestAction.LIST: _type_of, RequestAction.DETAIL: _type_of}),
        EnumField("state", choices=[("pending", "Pending"), ("sent", "Sent"), ("failed", "Failed")]),
        DateTimeField("created_at", "Queued"),
        "attempts",
        DateTimeField("next_attempt_at", "Next attempt", getter=_next_attempt),
        DateTimeField("sent_at", "Sent"),
        DateTimeField("failed_at", "Failed"),
        StringField("last_error", "Last error"),
    )
    exclude_fields_from_list = ("id", "sent_at", "failed_at")
    delete_warning = "Emails that have not been sent will not be sent."

    def title_of(self, request: Request, row: OutboxMessage) -> str:
        """Return what an email is about."""
        return _type_of(request, row.template)

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search what emails are about, too."""
        found = [name for name in _TYPES if term.casefold() in _type_of(request, name).casefold()]
        return super().get_search_query(request, term) | OutboxMessage.template.in_(found)

    async def panels(self, request: Request) -> list[Panel]:
        """Return the numbers of queued and failed emails."""
        unsent = select(OutboxMessage.id).where(OutboxMessage.sent_at.is_(None))
        queries = {
            gettext("Queued emails"): unsent.where(OutboxMessage.failed_at.is_(None)),
            gettext("Failed emails"): unsent.where(OutboxMessage.failed_at.is_not(None)),
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
    async def retry_action(self, request: Request, rows: Sequence[OutboxMessage]) -> None:
        """Queue emails that have not been sent."""
        session = request.state.session
        count = await outbox.retry(session, rows)
        get_authenticator(request).mailer.wake_after_commit(session)
        flash(request, gettext("Queued for retry: %(count)s.", count=count), "success")

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: OutboxMessage) -> bool:
        """Hide "Retry" for sent emails."""
        return (name != "retry" or obj.sent_at is None) and await super().is_row_action_allowed_for_obj(
            request, name, obj
        )
