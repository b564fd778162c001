"""Statements on the table of jobs.

A claim has an ID. What a worker writes about a job is conditional on it, so that one whose lease expired, or whose job
was canceled, changes nothing. Times are the database's: the clocks of several machines differ. SQLite is on one.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias, cast
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Executable, Interval, Table, exists, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from app.database.base import utc_now
from app.database.column_types import UtcDateTime
from app.database.connection import Database
from app.database.missing_rows import insert_into
from app.jobs.models import Job, JobState
from app.jobs.wake import wake_after_commit

LEASE = timedelta(seconds=30)
"""How long a worker has a job unless it renews the lease; then others may claim the job."""

Target: TypeAlias = AsyncSession | Database
"""Where a statement is executed: in the transaction of a session, or on its own."""

_TABLE = cast(Table, Job.__table__)
_LIVE = Job.ended_at.is_(None)
_CHANGED = {"version": Job.version + 1}
_IDLE_LIMIT = func.set_config("idle_in_transaction_session_timeout", f"{LEASE.total_seconds():.0f}s", True)  # noqa: FBT003
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


def after(target: Target, delay: timedelta = timedelta(0)) -> ColumnElement[datetime]:
    """Return the time after a delay, by the database's clock."""
    if not _is_postgresql(target):
        return literal(utc_now() + delay, UtcDateTime())
    now = func.statement_timestamp(type_=UtcDateTime())
    return now + literal(delay, Interval()) if delay else now


async def insert_job(session: AsyncSession, *, at: datetime | None, **values: Any) -> UUID | None:  # noqa: ANN401
    """Insert a job and return its ID, or None if a pending or running job has its unique key."""
    due_at = after(session) if at is None else at
    # Into the table, because inserting by the model takes twice as long.
    row = insert_into(session, _TABLE).values(id=uuid7(), version=1, due_at=due_at, **values)
    if values.get("unique_key") is not None:
        live: dict[str, Any] = {"index_elements": [Job.name, Job.unique_key], "index_where": _LIVE}
        row = row.on_conflict_do_nothing(**live)
    job_id: UUID | None = await session.scalar(row.returning(_TABLE.c.id))
    wake_after_commit(session)
    return job_id


async def claim(  # noqa: PLR0913 - conditions
    database: Database,
    worker: str,
    limit: int,
    *,
    names: Collection[str],
    queues: Collection[str],
    not_: Collection[UUID],
) -> Sequence[ClaimedJob]:
    """Claim due jobs, without holding a lock while they run.

    Those of newer releases are left for them, and `not_` are the ones that run here: their lease may have ended, if one
    of them blocked this process.
    """
    known = [_LIVE, Job.due_at <= after(database), Job.name.in_(names), Job.id.not_in(not_)]
    if queues:
        known.append(Job.queue.in_(queues))
    if not _is_postgresql(database) and not await database.execute(select(Job.id).where(*known).limit(1)):
        return []  # because claiming takes SQLite's only write lock
    # In a CTE, because PostgreSQL may execute a subquery several times and so claim more.
    oldest = select(Job.id).where(*known).order_by(Job.priority, Job.due_at).limit(limit)
    due = oldest.with_for_update(skip_locked=True).cte("due")
    values = {
        "state": JobState.RUNNING,
        "claim_id": uuid4(),
        "attempts": Job.attempts + 1,
        "due_at": after(database, LEASE),
        "worker": worker,
        "started_at": after(database),
        **_CHANGED,
    }
    columns = [getattr(Job, name) for name in ClaimedJob._fields]
    taken = update(Job).where(Job.id.in_(select(due.c.id))).values(values).returning(*columns, Job.priority)
    rows = sorted(await database.execute(taken), key=lambda row: (row.priority, row.id))
    return [ClaimedJob(*row[:-1]) for row in rows]


async def write(target: Target, job: ClaimedJob, **values: Any) -> bool:  # noqa: ANN401
    """Update a claimed job; return whether the claim is still valid. In a session, the job is locked until it ends.

    A worker may be cut off from PostgreSQL meanwhile: after an idle time of the lease, the server ends the transaction.
    """
    claimed = update(Job).where(Job.id == job.id, Job.claim_id == job.claim_id).values(values)
    limits = [_IDLE_LIMIT] if _is_postgresql(target) else []
    return await _execute(target, claimed.returning(Job.id, *limits)) == 1


async def renew(target: Target, job: ClaimedJob, **values: Any) -> bool:  # noqa: ANN401
    """Renew the lease of a claimed job, as `write` does."""
    return await write(target, job, due_at=after(target, LEASE), **values)


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


async def succeed(target: Target, job: ClaimedJob, result: object, *, erase: bool) -> bool:
    """Mark a claimed job as succeeded; return whether the claim was still valid."""
    erased = {"arguments": None} if erase else {}
    return await _end(target, job, JobState.SUCCEEDED, result=result, progress=1, last_error=None, **erased)


async def fail(target: Target, job: ClaimedJob, error: str) -> bool:
    """Mark a claimed job as failed: it stays until it is retried or pruned."""
    return await _end(target, job, JobState.FAILED, last_error=error)


async def reschedule(target: Target, job: ClaimedJob, error: str, delay: timedelta) -> bool:
    """Schedule another attempt of a claimed job."""
    return await _release(target, job, due_at=after(target, delay), last_error=error)


async def give_back(target: Target, job: ClaimedJob) -> bool:
    """Give a claimed job back without counting the attempt, because its worker stops."""
    return await _release(target, job, due_at=after(target), attempts=Job.attempts - 1)


async def retry(session: AsyncSession, jobs: Collection[Job]) -> int:
    """Run failed and canceled jobs again, with all attempts; return how many.

    A job stays as it is if another one with its unique key is pending or running.
    """
    other = aliased(Job)
    same = (other.name == Job.name, other.unique_key == Job.unique_key, other.ended_at.is_(None))
    ended = Job.state.in_([JobState.FAILED, JobState.CANCELED]), ~exists().where(*same)
    again = {"state": JobState.PENDING, "attempts": 0, "due_at": after(session), "ended_at": None, **_CHANGED}
    # One by one, because two of them may have the same unique key.
    changed = update(Job).where(*ended).values(again).returning(Job.id)
    counts = [await _execute(session, changed.where(Job.id == job.id)) for job in jobs]
    wake_after_commit(session)
    return sum(counts)


async def cancel(session: AsyncSession, jobs: Collection[Job]) -> int:
    """Cancel pending and running jobs; return how many. A running one stops soon, and can't commit anything more."""
    values = {"state": JobState.CANCELED, "claim_id": None, "ended_at": after(session), **_CHANGED}
    live = update(Job).where(Job.id.in_([job.id for job in jobs]), _LIVE)
    return await _execute(session, live.values(values).returning(Job.id))


async def _end(target: Target, job: ClaimedJob, state: JobState, **values: Any) -> bool:  # noqa: ANN401
    ended = {"state": state, "claim_id": None, "ended_at": after(target), **_CHANGED}
    return await write(target, job, **ended, **values)


async def _release(target: Target, job: ClaimedJob, **values: Any) -> bool:  # noqa: ANN401
    return await write(target, job, state=JobState.PENDING, claim_id=None, **_CHANGED, **values)


async def _execute(target: Target, statement: Executable) -> int:
    """Execute an update and return the number of rows."""
    if isinstance(target, Database):
        return len(await target.execute(statement))
    return len((await target.execute(statement, execution_options=_NO_SYNC)).all())


def _is_postgresql(target: Target) -> bool:
    bind = target.engine if isinstance(target, Database) else target.get_bind()
    return bind.dialect.name == "postgresql"
