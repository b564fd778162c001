"""Admin view for schedules: when scheduled jobs run next."""

from datetime import timedelta

from fastapi import Request
from starlette_admin.fields import DateTimeField, StringField

from app.accounts.permissions import Permission
from app.admin.base.menu import SYSTEM
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.admin.jobs.display import IN_WORDS, job_in_words
from app.formatting import format_duration
from app.i18n import gettext
from app.jobs.definitions import definitions
from app.jobs.models import JobSchedule


def _schedule(request: Request, row: JobSchedule) -> str | None:
    """Return the cron expression or interval of a job, or None if the job is no longer in the code."""
    definition = definitions.get(row.name)
    schedule = definition.schedule_in(request.state.settings) if definition else None
    if isinstance(schedule, timedelta):
        return gettext("every %(duration)s", duration=format_duration(schedule))
    return schedule


class ScheduleView(ModelView):
    """Schedules, which are in the code: `@job(schedule=…)`."""

    model = JobSchedule
    view_permission = Permission.JOBS_READ
    can_create = can_edit = can_delete = never
    key = "schedule"
    section = SYSTEM
    icon = "fa-solid fa-calendar-days"
    menu_label = "Schedules"
    display_name = "Schedule"
    title_field = "name"
    fields = (
        StringField("name", "Job", formatter=IN_WORDS),
        StringField("schedule", "Schedule (UTC)", getter=_schedule, filters=[], searchable=False, orderable=False),
        DateTimeField("next_at", "Next run"),
    )

    def title_of(self, request: Request, row: JobSchedule) -> str:  # noqa: ARG002 - as in `ModelView`
        """Return the name of the job in words."""
        return job_in_words(row.name)
