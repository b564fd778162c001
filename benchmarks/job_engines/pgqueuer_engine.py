"""pgqueuer: asyncpg in workers, and in the session's transaction once that has begun."""

import functools
import json
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import asyncpg
from pgqueuer import AsyncpgDriver, Job, Queries, QueueManager
from pgqueuer.executors import DatabaseRetryEntrypointExecutor, EntrypointExecutor
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.job_engines import jobs
from benchmarks.job_engines.engine import ClaimLost, Engine

HOLD = text(
    "SELECT id FROM pgqueuer"
    " WHERE id = :id AND queue_manager_id = :worker AND status = 'picked' FOR UPDATE"
)


class Claim:
    """A job's row, which names its worker."""

    def __init__(self, engine: "PgQueuer", job: Job) -> None:
        self._engine, self._job = engine, job

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Begin a transaction."""
        return self._engine.sessions.begin()

    async def check(self, session: AsyncSession) -> None:
        """Lock the row, if this worker still has it."""
        values = {"id": self._job.id, "worker": self._job.queue_manager_id}
        if (await session.execute(HOLD, values)).first() is None:
            raise ClaimLost


class PgQueuer(Engine):
    """Failed jobs are kept, and with retries started again by its database executor."""

    name = "pgqueuer"

    async def prepare(self) -> None:
        """Create its schema."""
        await super().prepare()
        connection = await asyncpg.connect(self.options.url)
        await Queries(AsyncpgDriver(connection)).install()
        await connection.close()

    async def enqueue(self, session: AsyncSession, name: str, *arguments: object) -> None:
        """Enqueue by its driver, on the connection of the session.

        A statement of the session comes first: it begins the transaction.
        """
        connection = await session.connection()
        await connection.execute(text("SELECT 1"))
        raw = (await connection.get_raw_connection()).driver_connection
        payload = json.dumps([name, *arguments]).encode()
        await Queries(AsyncpgDriver(raw)).enqueue("run", payload)

    async def work(self) -> None:
        """Run its queue manager."""
        connection = await asyncpg.connect(self.options.url)
        manager = QueueManager(Queries(AsyncpgDriver(connection)))
        executor = (
            functools.partial(DatabaseRetryEntrypointExecutor, max_attempts=self.options.retries)
            if self.options.retries
            else EntrypointExecutor
        )

        @manager.entrypoint("run", on_failure="hold", executor_factory=executor)
        async def run(job: Job) -> None:
            name, *given = json.loads(job.payload or b"")
            mode, seconds = given or ("", 0)
            await jobs.run(name, self.journal, Claim(self, job), mode, seconds)

        lease = timedelta(seconds=self.options.lease)
        # It looks for jobs of dead workers when its wait for new ones is over.
        await manager.run(dequeue_timeout=lease, heartbeat_timeout=lease, max_concurrent_tasks=20)

    async def state(self) -> str:
        """Return state and attempts; a job that ended has no row but one in the log."""
        row = await self.first("SELECT status, attempts FROM pgqueuer ORDER BY id DESC LIMIT 1")
        if row:
            return f"{row[0]}, attempts {row[1]}"
        log = await self.first("SELECT status FROM pgqueuer_log ORDER BY id DESC LIMIT 1")
        return f"deleted as {log[0]}" if log else "no row"
