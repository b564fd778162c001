"""Admin view for the outbox: queued and failed emails, without recipients and content."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import Request
from sqlalchemy import select
from starlette_admin.fields import DateTimeField, EnumField, StringField
from starlette_admin.flash import flash

from app.accounts.api.dependencies import get_authenticator
from app.accounts.permissions import Permission
from app.admin.base.actions import bulk_and_row_action
from app.admin.base.dashboard import Metric, Panel, count_up_to_limit
from app.admin.base.menu import SYSTEM
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.i18n import gettext
from app.mail import outbox
from app.mail.models import OutboxMessage


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
        StringField("template", "Type"),
        EnumField("state", choices=["pending", "sent", "failed"]),
        DateTimeField("created_at", "Queued"),
        "attempts",
        DateTimeField("next_attempt_at", "Next attempt", getter=_next_attempt),
        DateTimeField("sent_at", "Sent"),
        DateTimeField("failed_at", "Failed"),
        StringField("last_error", "Last error"),
    )
    exclude_fields_from_list = ("id", "sent_at", "failed_at")
    delete_warning = "Emails that have not been sent will not be sent."

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
