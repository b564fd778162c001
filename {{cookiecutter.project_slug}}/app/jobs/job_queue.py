"""Statements on the table of jobs.

A claim has an ID. What a worker writes about a job is conditional on it, so that one whose lease expired, or whose job
was canceled, changes nothing. Times are the database's: the clocks of several machines differ. SQLite is on one.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Interval, Update, exists, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from app.database.base import utc_now
from app.database.column_types import UtcDateTime
from app.database.connection import Database
from app.jobs.models import Job, JobState
from app.jobs.wake import wake_after_commit

LEASE = timedelta(seconds=30)
"""How long a worker has a job unless it renews the lease; then others may claim the job."""

_LIVE = Job.ended_at.is_(None)
_CHANGED = {"version": Job.version + 1}
_NO_SYNC = {"synchronize_session": False}


class ClaimedJob(NamedTuple):
    """A job that this process runs; `attempts` includes the current one."""

    id: UUID
    claim_id: UUID
    name: str
    arguments: Any
    attempts: int
    owner_id: UUID | None
    cursor: Any


def after(session: AsyncSession, delay: timedelta = timedelta(0)) -> ColumnElement[datetime]:
    """Return the time after a delay, by the database's clock."""
    if session.get_bind().dialect.name == "sqlite":
        return literal(utc_now() + delay, UtcDateTime())
    now = func.clock_timestamp(type_=UtcDateTime())
    return now + literal(delay, Interval()) if delay else now


async def insert_job(session: AsyncSession, *, at: datetime | None, **values: Any) -> UUID | None:  # noqa: ANN401
    """Insert a job and return its ID, or None if a pending or running job has its unique key."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    due_at = after(session) if at is None else at
    row = dialect.insert(Job).values(id=uuid7(), version=1, due_at=due_at, **values)
    if values.get("unique_key") is not None:
        live = {"index_elements": [Job.name, Job.unique_key], "index_where": _LIVE}
        row = row.on_conflict_do_nothing(**live)
    found: UUID | None = await session.scalar(row.returning(Job.id))
    if at is None:
        wake_after_commit(session)
    return found


async def claim(
    database: Database, names: Collection[str], queues: Collection[str], worker: str, limit: int
) -> Sequence[ClaimedJob]:
    """Claim due jobs and commit, so that no lock is held while they run. Jobs of newer releases are left for them."""
    known = [_LIVE, Job.name.in_(names), *([Job.queue.in_(queues)] if queues else [])]
    async with database.read_sessions() as session:  # first, because claiming takes SQLite's only write lock
        if await session.scalar(select(Job.id).where(*known, Job.due_at <= after(session)).limit(1)) is None:
            return []
    async with database.sessions.begin() as session:
        # In a CTE, because PostgreSQL may execute a subquery several times and so claim more.
        due = (
            select(Job.id)
            .where(*known, Job.due_at <= after(session))
            .order_by(Job.priority, Job.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        values = {
            "state": JobState.RUNNING,
            "claim_id": uuid4(),
            "attempts": Job.attempts + 1,
            "due_at": after(session, LEASE),
            "worker": worker,
            "started_at": after(session),
            **_CHANGED,
        }
        taken = update(Job).where(Job.id.in_(select(due.c.id))).values(values)
        columns = [getattr(Job, name) for name in ClaimedJob._fields]
        rows = await session.execute(taken.returning(*columns, Job.priority), execution_options=_NO_SYNC)
        ordered = sorted(rows, key=lambda row: (row.priority, row.id))
    return [ClaimedJob(*row[:-1]) for row in ordered]


async def write(session: AsyncSession, job: ClaimedJob, **values: Any) -> bool:  # noqa: ANN401
    """Update a claimed job; return whether the claim is still valid. It is then locked until the transaction ends."""
    claimed = update(Job).where(Job.id == job.id, Job.claim_id == job.claim_id)
    return await _update(session, claimed.values(values)) == 1


async def renew(session: AsyncSession, job: ClaimedJob, **values: Any) -> bool:  # noqa: ANN401
    """Renew the lease of a claimed job, as `write` does."""
    return await write(session, job, due_at=after(session, LEASE), **values)


async def renew_all(database: Database, claims: Collection[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Renew the leases of claims, each a job's ID and the claim's; return those that are still valid."""
    if not claims:
        return set()
    job_ids, claim_ids = zip(*claims, strict=True)
    ours = Job.id.in_(job_ids) & Job.claim_id.in_(claim_ids)
    async with database.sessions.begin() as session:
        # A row that is locked is in a transaction of its job, which renews its lease.
        free = select(Job.id).where(ours).with_for_update(skip_locked=True).cte("free")
        renewed = update(Job).where(Job.id.in_(select(free.c.id))).values(due_at=after(session, LEASE))
        await session.execute(renewed, execution_options=_NO_SYNC)
        found = await session.execute(select(Job.id, Job.claim_id).where(ours))
        return {(row.id, row.claim_id) for row in found} & {*claims}


async def succeed(session: AsyncSession, job: ClaimedJob, result: object, *, erase: bool) -> bool:
    """Mark a claimed job as succeeded; return whether the claim was still valid."""
    erased = {"arguments": None} if erase else {}
    return await _end(session, job, JobState.SUCCEEDED, result=result, progress=1, last_error=None, **erased)


async def fail(session: AsyncSession, job: ClaimedJob, error: str) -> bool:
    """Mark a claimed job as failed: it stays until it is retried or pruned."""
    return await _end(session, job, JobState.FAILED, last_error=error)


async def reschedule(session: AsyncSession, job: ClaimedJob, error: str, delay: timedelta) -> bool:
    """Schedule another attempt of a claimed job."""
    return await _release(session, job, due_at=after(session, delay), last_error=error)


async def give_back(session: AsyncSession, job: ClaimedJob) -> bool:
    """Give a claimed job back without counting the attempt, because its worker stops."""
    return await _release(session, job, due_at=after(session), attempts=Job.attempts - 1)


async def retry(session: AsyncSession, jobs: Collection[Job]) -> int:
    """Run failed and canceled jobs again, with all attempts; return how many.

    A job stays as it is if another one with its unique key is pending or running.
    """
    other = aliased(Job)
    same = (other.name == Job.name, other.unique_key == Job.unique_key, other.ended_at.is_(None))
    ended = Job.state.in_([JobState.FAILED, JobState.CANCELED]), ~exists().where(*same)
    again = {"state": JobState.PENDING, "attempts": 0, "due_at": after(session), "ended_at": None, **_CHANGED}
    # One by one, because two of them may have the same unique key.
    changed = [await _update(session, update(Job).where(Job.id == job.id, *ended).values(again)) for job in jobs]
    wake_after_commit(session)
    return sum(changed)


async def cancel(session: AsyncSession, jobs: Collection[Job]) -> int:
    """Cancel pending and running jobs; return how many. A running one stops soon, and can't commit anything more."""
    values = {"state": JobState.CANCELED, "claim_id": None, "ended_at": after(session), **_CHANGED}
    live = update(Job).where(Job.id.in_([job.id for job in jobs]), _LIVE)
    return await _update(session, live.values(values))


async def _end(session: AsyncSession, job: ClaimedJob, state: JobState, **values: Any) -> bool:  # noqa: ANN401
    ended = {"state": state, "claim_id": None, "ended_at": after(session), **_CHANGED}
    return await write(session, job, **ended, **values)


async def _release(session: AsyncSession, job: ClaimedJob, **values: Any) -> bool:  # noqa: ANN401
    return await write(session, job, state=JobState.PENDING, claim_id=None, **_CHANGED, **values)


async def _update(session: AsyncSession, statement: Update) -> int:
    """Execute an update and return the number of rows."""
    changed = await session.scalars(statement.returning(Job.id), execution_options=_NO_SYNC)
    return len(changed.all())
