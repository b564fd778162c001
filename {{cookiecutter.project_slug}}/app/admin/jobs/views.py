"""Admin view for jobs, which can be retried, canceled and deleted."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import Request
from sqlalchemy import ColumnElement, select
from starlette_admin.exceptions import ActionFailed
from starlette_admin.fields import DateTimeField, EnumField, StringField
from starlette_admin.flash import flash

from app.accounts.permissions import Permission
from app.admin.base.actions import bulk_and_row_action
from app.admin.base.dashboard import Chart, Metric, Panel, count_per_day, count_up_to_limit
from app.admin.base.menu import SYSTEM
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.admin.jobs.display import IN_WORDS, JsonBlock, StateField, job_in_words, label_jobs
from app.admin.jobs.schedules import ScheduleView
from app.database.base import utc_now
from app.i18n import gettext
from app.jobs import job_queue
from app.jobs.definitions import definitions
from app.jobs.models import Job, JobState

_ALLOWED_STATES = {
    "retry": {JobState.FAILED, JobState.CANCELED},
    "cancel": {JobState.PENDING, JobState.RUNNING},
}
"""The states in which a job offers an action."""


def _names(request: Request) -> list[tuple[str, str]]:  # noqa: ARG001 - passed by the library
    return sorted(((name, job_in_words(name)) for name in definitions), key=lambda choice: choice[1])


def _queues(request: Request) -> list[tuple[str, str]]:  # noqa: ARG001 - as above
    return [(name, name) for name in sorted({definition.queue for definition in definitions.values()})]


def _due(request: Request, job: Job) -> datetime | None:  # noqa: ARG001 - as above
    """Return when a pending job is due. For a running one, the column has the end of its lease."""
    return job.due_at if job.state == JobState.PENDING else None


def _when(request: Request, job: Job) -> datetime | None:
    """Return when a job is due, was started or has ended, by its state."""
    return job.ended_at or _due(request, job) or job.started_at


class JobView(ModelView):
    """Jobs, newest first."""

    model = Job
    view_permission = Permission.JOBS_READ
    change_permission = Permission.JOBS_MANAGE
    can_create = can_edit = never  # jobs are enqueued by the app only
    key = "job"
    section = SYSTEM
    icon = "fa-solid fa-gears"
    menu_label = "Jobs"
    display_name = "Job"
    title_field = "name"
    fields = (
        "id",
        EnumField("name", "Job", choices_loader=_names, formatter=IN_WORDS),
        StringField("label", "About"),
        StateField(),
        EnumField("queue", choices_loader=_queues),
        "priority",
        "owner",
        DateTimeField("when", "When", getter=_when, filters=[], searchable=False, orderable=False),
        DateTimeField("created_at", "Queued"),
        DateTimeField("due_at", "Due", getter=_due),
        DateTimeField("started_at", "Started"),
        DateTimeField("ended_at", "Ended"),
        "attempts",
        StringField("last_error", "Last error"),
        StringField("worker"),
        JsonBlock("arguments"),
        JsonBlock("cursor"),
        JsonBlock("result"),
    )
    list_columns = ("name", "label", "state", "when", "attempts", "last_error")
    exclude_fields_from_list = ("id", "arguments", "cursor", "result")
    exclude_fields_from_detail = ("when",)
    exclude_fields_from_export = ("when", "arguments", "cursor", "result")
    delete_warning = "Jobs that have not ended will not run, and running ones are stopped."

    def __init__(self) -> None:
        super().__init__()
        label_jobs(definitions.values())

    def title_of(self, request: Request, row: Job) -> str:  # noqa: ARG002 - as in `ModelView`
        """Return the name in words, and what the job is about."""
        return f"{job_in_words(row.name)} ({row.label})" if row.label else job_in_words(row.name)

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search names in words, too."""
        found = [name for name, text in _names(request) if term.casefold() in text.casefold()]
        return super().get_search_query(request, term) | Job.name.in_(found)

    async def panels(self, request: Request) -> list[Panel]:
        """Return the numbers of jobs that have not ended or have failed, and charts of those that ended."""
        session, now = request.state.session, utc_now()
        conditions = {
            gettext("Queued jobs"): (Job.state == JobState.PENDING) & (Job.due_at <= now),
            gettext("Running jobs"): Job.state == JobState.RUNNING,
            gettext("Scheduled jobs"): (Job.state == JobState.PENDING) & (Job.due_at > now),
            gettext("Failed jobs"): Job.state == JobState.FAILED,
        }
        metrics = [
            Metric(label, await count_up_to_limit(session, select(Job.id).where(condition)))
            for label, condition in conditions.items()
        ]
        succeeded, failed = [
            await count_per_day(session, Job, Job.ended_at, Job.state == state, by_id=False)
            for state in (JobState.SUCCEEDED, JobState.FAILED)
        ]
        kept = request.state.settings.cleanup
        return [
            *metrics,
            Chart(gettext("Succeeded jobs"), _last_days(succeeded, kept.succeeded_job_retention)),
            Chart(gettext("Failed jobs"), _last_days(failed, kept.failed_job_retention), is_warning=True),
        ]

    @bulk_and_row_action(
        "retry",
        "Retry",
        "Retry these jobs?",
        single_confirmation="Retry this job?",
        icon_class="fa-solid fa-rotate-right",
    )
    async def retry_action(self, request: Request, rows: Sequence[Job]) -> None:
        """Queue failed and canceled jobs again, with all their attempts."""
        count = await job_queue.retry(request.state.session, rows)
        refusal = gettext("Only failed and canceled jobs that have not been queued again can be retried.")
        _report(request, gettext("Queued for retry: %(count)s.", count=count), count, len(rows), refusal)

    @bulk_and_row_action(
        "cancel",
        "Cancel",
        "Cancel these jobs? Running ones are stopped.",
        single_confirmation="Cancel this job? If it is running, it is stopped.",
        icon_class="fa-solid fa-ban",
    )
    async def cancel_action(self, request: Request, rows: Sequence[Job]) -> None:
        """Cancel jobs that have not ended."""
        count = await job_queue.cancel(request.state.session, rows)
        refusal = gettext("Only jobs that have not ended can be canceled.")
        _report(request, gettext("Canceled: %(count)s.", count=count), count, len(rows), refusal)

    async def get_row_actions_for_obj(self, request: Request, obj: Job) -> list[dict[str, Any]]:
        """Offer the actions that the state allows."""
        refused = {name for name, states in _ALLOWED_STATES.items() if obj.state not in states}
        actions = await super().get_row_actions_for_obj(request, obj)
        return [action for action in actions if action["name"] not in refused]


views: list[type[ModelView]] = [JobView, ScheduleView]


def _report(request: Request, message: str, done: int, selected: int, refusal: str) -> None:
    """Show how many jobs an action changed, and why not all of them.

    Raises:
        ActionFailed: if it changed none.
    """
    if not done:
        raise ActionFailed(refusal)
    flash(request, message if done == selected else f"{message} {refusal}", "success")


def _last_days(days: Mapping[date, int] | None, kept: timedelta) -> Mapping[date, int] | None:
    """Return the days of which all jobs are still there."""
    return days and dict([*days.items()][-max(1, kept.days) :])
