"""procrastinate: psycopg in workers, its SQL function in the caller's transaction."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from procrastinate import App, JobContext, PsycopgConnector
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.job_engines import jobs
from benchmarks.job_engines.engine import ClaimLost, Engine, Options

DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('default', :name, 0, NULL, NULL,"
    " CAST(:arguments AS jsonb), NULL)::procrastinate_job_to_defer_v1])"
)
HOLD = text(
    "SELECT id FROM procrastinate_jobs"
    " WHERE id = :id AND worker_id = :worker AND status = 'doing' FOR UPDATE"
)


class Claim:
    """A job's row, which names its worker."""

    def __init__(self, engine: "Procrastinate", context: JobContext) -> None:
        self._engine, self._job = engine, context.job

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Begin a transaction."""
        return self._engine.sessions.begin()

    async def check(self, session: AsyncSession) -> None:
        """Lock the row, if this worker still has it."""
        values = {"id": self._job.id, "worker": self._job.worker_id}
        if (await session.execute(HOLD, values)).first() is None:
            raise ClaimLost


class Procrastinate(Engine):
    """With the sweep for stalled jobs of its documentation, more often."""

    name = "procrastinate"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.app = App(connector=PsycopgConnector(conninfo=options.url, max_size=12))

        @self.app.task(name="run", pass_context=True, retry=options.retries)
        async def run(context: JobContext, name: str, mode: str = "", seconds: float = 0) -> None:
            await jobs.run(name, self.journal, Claim(self, context), mode, seconds)

        @self.app.periodic(cron="* * * * * */2")
        @self.app.task(name="sweep", queueing_lock="sweep", pass_context=True)
        async def sweep(_: JobContext, timestamp: int) -> None:  # noqa: ARG001 - it passes it
            manager = self.app.job_manager
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=options.lease):
                await manager.retry_job(job)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open its pool."""
        async with self.app.open_async():
            yield

    async def prepare(self) -> None:
        """Create its schema."""
        await super().prepare()
        async with self.app.open_async():
            await self.app.schema_manager.apply_schema_async()

    async def enqueue(self, session: AsyncSession, name: str, *arguments: object) -> None:
        """Call its function in the session's transaction."""
        given = dict(zip(("mode", "seconds"), arguments, strict=False), name=name)
        await session.execute(DEFER, {"name": "run", "arguments": json.dumps(given)})

    async def work(self) -> None:
        """Run its worker, which logs each job."""
        logging.getLogger("procrastinate").setLevel(logging.ERROR)
        async with self.app.open_async():
            await self.app.run_worker_async(
                concurrency=10,
                update_heartbeat_interval=self.options.lease / 3,
                stalled_worker_timeout=self.options.lease,
            )

    async def state(self) -> str:
        """Return state and attempts."""
        row = await self.first(
            "SELECT status, attempts FROM procrastinate_jobs WHERE task_name = 'run'"
            " ORDER BY id DESC LIMIT 1"
        )
        return f"{row[0]}, attempts {row[1]}" if row else "no row"
