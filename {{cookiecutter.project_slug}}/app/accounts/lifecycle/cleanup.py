"""Delete expired rows, with a daily job or `app cleanup`. Idempotent."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, inspect, select

from app.accounts.lifecycle import personal_data
from app.accounts.models import AuthEvent, AuthSession, OneTimeToken, User
from app.api.idempotency import IdempotencyKey
from app.api.rate_limits import AttemptCount
from app.database.base import Base, utc_now
from app.database.connection import Database
from app.database.outages import OUTAGES
from app.jobs.models import Job, JobState
from app.settings.config import CleanupSettings

logger = logging.getLogger("app.cleanup")

BATCH_SIZE = 5000
"""Maximum rows deleted per transaction, so that other writers don't wait long."""


class CleanupTask(NamedTuple):
    """A part of the cleanup. A feature defines its own in its `cleanup.py`."""

    name: str
    """The rows it deletes, such as "expired drafts"."""
    run: Callable[[Database], Awaitable[int]]
    """Delete the rows, in short transactions, and return how many."""


async def clean_up(
    database: Database, keep: CleanupSettings, tasks: Sequence[CleanupTask] = ()
) -> Mapping[str, int | None]:
    """Delete expired rows in short transactions; return how many rows of each kind, None for a task that failed.

    - Accounts whose email address was never verified, which frees the address.
    - Expired one-time tokens, rate limit counters and idempotency keys with their responses.
    - Ended sessions with their refresh tokens. Used tokens of active sessions stay, to detect token reuse.
    - Jobs that ended, such as sent emails.
    - Events.
    - Whatever the tasks of features delete.

    An error in a task is logged and doesn't stop the others; if the database is unavailable, all stop.
    """
    counts: dict[str, int | None] = {}
    for task in (*_account_tasks(keep), *tasks):
        try:
            counts[task.name] = await task.run(database)
        except OUTAGES:
            raise
        except Exception:
            logger.exception("cleanup of %s failed", task.name)
            counts[task.name] = None
    return counts


def _account_tasks(keep: CleanupSettings) -> list[CleanupTask]:
    expired = [
        CleanupTask(name, partial(_delete, table=table, expired=condition))
        for name, (table, condition) in _expired(keep).items()
    ]
    return [CleanupTask("unverified accounts", partial(_delete_unverified, keep=keep)), *expired]


async def _delete_unverified(database: Database, keep: CleanupSettings) -> int:
    async with database.sessions.begin() as session:
        unverified = (User.email_verified_at.is_(None), User.created_at < utc_now() - keep.unverified_account_retention)
        return await personal_data.delete_users(session, *unverified)


def _expired(keep: CleanupSettings) -> Mapping[str, tuple[type[Base], ColumnElement[bool]]]:
    now = utc_now()
    ended = now - keep.session_retention
    ends = (AuthSession.revoked_at < ended) | (AuthSession.expires_at < ended) | (AuthSession.idle_expires_at < ended)
    succeeded = Job.state == JobState.SUCCEEDED
    return {
        "one-time tokens": (OneTimeToken, OneTimeToken.expires_at < now),
        "rate limit counters": (AttemptCount, AttemptCount.expires_at < now),
        "idempotency keys": (IdempotencyKey, IdempotencyKey.expires_at < now),
        "sessions": (AuthSession, ends),
        "succeeded jobs": (Job, succeeded & (Job.ended_at < now - keep.succeeded_job_retention)),
        "failed jobs": (Job, ~succeeded & (Job.ended_at < now - keep.failed_job_retention)),
        "events": (AuthEvent, AuthEvent.at < now - keep.event_retention),
    }


async def _delete(database: Database, table: type[Base], expired: ColumnElement[bool]) -> int:
    key: ColumnElement[Any] = inspect(table).primary_key[0]
    batch = delete(table).where(key.in_(select(key).where(expired).limit(BATCH_SIZE)))
    total = 0
    while True:
        async with database.sessions.begin() as session:
            connection = await session.connection()  # its rowcount works without loading objects
            count = (await connection.execute(batch)).rowcount
        total += count
        if count < BATCH_SIZE:
            return total
