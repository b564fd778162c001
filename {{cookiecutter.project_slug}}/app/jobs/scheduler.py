"""Enqueues scheduled jobs, once over all workers. What was missed in a downtime is enqueued once."""

from datetime import datetime

from sqlalchemy import select, update

from app.database.connection import Database
from app.database.missing_rows import insert_into
from app.jobs.definitions import JobDefinition, definitions
from app.jobs.job_queue import after
from app.jobs.models import JobSchedule
from app.jobs.schedules import next_time
from app.settings.config import Settings

UNIQUE_KEY = "schedule"
"""A scheduled job isn't enqueued again while the one before it is pending or running."""


async def enqueue_due(database: Database, settings: Settings) -> float | None:
    """Enqueue the jobs whose time has come; return the seconds until the next one, if there are scheduled jobs."""
    schedules = {name: item.schedule_in(settings) for name, item in definitions.items()}
    scheduled = {name: schedule for name, schedule in schedules.items() if schedule is not None}
    if not scheduled:
        return None
    async with database.read_sessions() as session:
        now: datetime = (await session.execute(select(after(session)))).scalar_one()
        rows = await session.execute(select(JobSchedule.name, JobSchedule.next_at))
        planned = {name: next_at for name, next_at in rows if name in scheduled}
    upcoming = {name: next_time(schedule, now) for name, schedule in scheduled.items()}
    for name, next_at in upcoming.items():
        # Not only if it is due: the schedule in the code may have become shorter.
        if name not in planned or planned[name] <= now or planned[name] > next_at:
            await _plan(database, definitions[name], planned.get(name), next_at, now)
    times = [min(next_at, planned.get(name, next_at)) for name, next_at in upcoming.items()]
    return min((time - now).total_seconds() for time in times)


async def _plan(
    database: Database, job: JobDefinition[...], planned: datetime | None, next_at: datetime, now: datetime
) -> None:
    """Set the next time of a job, unless another worker did; if the planned time has come, enqueue it."""
    async with database.sessions.begin() as session:
        if planned is None:
            first = insert_into(session, JobSchedule).values(name=job.name, next_at=next_at)
            await session.execute(first.on_conflict_do_nothing())
            return
        same = (JobSchedule.name == job.name, JobSchedule.next_at == planned)
        changed = update(JobSchedule).where(*same).values(next_at=next_at).returning(JobSchedule.name)
        is_ours = (await session.execute(changed.execution_options(synchronize_session=False))).first() is not None
        if is_ours and planned <= now:
            await job.set(unique=UNIQUE_KEY).enqueue(session)
