"""What a running job has."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.connection import Database
from app.database.sessions import WriteSession
from app.jobs import job_queue
from app.jobs.errors import ClaimLost, JobInterrupted
from app.jobs.job_queue import ClaimedJob
from app.settings.config import Settings


@dataclass(kw_only=True)
class JobRun:
    """An attempt to run a job, the first argument of its function."""

    job: ClaimedJob
    settings: Settings
    database: Database
    state: SimpleNamespace
    """What `request.state` has, such as `authenticator` and `broker`."""
    dump_result: Callable[[object], JsonValue]
    erases_arguments: bool
    is_stopping: Callable[[], bool]
    secrets: tuple[str, ...] = ()
    """Values that the job sets to remove them from its errors, such as a password of a server."""
    is_finished: bool = field(default=False, init=False)
    """Whether a transaction with `finish` is committed."""
    is_finishing: bool = field(default=False, init=False)
    """Whether it is being committed, so that the claim may already be gone."""
    cursor: Any = field(init=False)
    """What was saved last, in this attempt or an earlier one; None at first."""
    _saved: Any = field(init=False)

    def __post_init__(self) -> None:
        self.cursor = self._saved = self.job.cursor

    @property
    def id(self) -> UUID:
        """ID of the job, the same in each attempt."""
        return self.job.id

    @property
    def attempt(self) -> int:
        """Number of this attempt, from 1."""
        return self.job.attempts

    @property
    def owner_id(self) -> UUID | None:
        """The user for whom the job runs, if any."""
        return self.job.owner_id

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[WriteSession]:
        """Open a session and commit at the end, if the job is still this worker's.

        Raises:
            JobInterrupted: the worker is stopping. Don't catch it: the job goes on elsewhere, from its cursor.
            ClaimLost: the job was canceled or claimed by another worker, so the transaction is rolled back.
        """
        if self.is_stopping():
            raise JobInterrupted
        try:
            async with self.database.sessions.begin() as session:
                yield session
                if not self.is_finishing and not await job_queue.renew(session, self.job):
                    raise ClaimLost
            self.is_finished, self.cursor = self.is_finishing, self._saved
        finally:
            self.is_finishing, self._saved = False, self.cursor

    async def save(self, session: AsyncSession, *, cursor: JsonValue = None, progress: float | None = None) -> None:
        """Save how far the job is, in the transaction of the work: the next attempt continues there.

        `progress` is from 0 to 1; what isn't given stays.

        Raises:
            ClaimLost: the job was canceled or claimed by another worker.
        """
        values = {"cursor": cursor, "progress": progress}
        given = {name: value for name, value in values.items() if value is not None}
        if not await job_queue.renew(session, self.job, **given):
            raise ClaimLost
        if cursor is not None:
            self._saved = cursor

    async def finish(self, session: AsyncSession, *, result: object = None) -> None:
        """Mark the job as succeeded in the transaction of its work, so that both are committed or neither is.

        Raises:
            ClaimLost: the job was canceled or claimed by another worker.
        """
        if not await job_queue.succeed(session, self.job, self.dump_result(result), erase=self.erases_arguments):
            raise ClaimLost
        self.is_finishing = True
