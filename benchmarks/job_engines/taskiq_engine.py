"""taskiq with Redis Streams, whose messages are not in the caller's transaction."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession
from taskiq import AsyncTaskiqDecoratedTask, SimpleRetryMiddleware
from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

from benchmarks.job_engines import jobs
from benchmarks.job_engines.engine import Engine, Options

STREAM = "taskiq"


class Claim:
    """The database doesn't know which worker has the message."""

    def __init__(self, engine: "Taskiq") -> None:
        self._engine = engine

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Begin a transaction."""
        return self._engine.sessions.begin()

    async def check(self, session: AsyncSession) -> None:
        """There is nothing to check."""


class Taskiq(Engine):
    """A message that isn't acknowledged in time is claimed by another worker."""

    name = "taskiq"
    is_transactional = False

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        # Its claims aren't renewed, so jobs may not take longer than them.
        self.broker = RedisStreamBroker(
            options.redis,
            idle_timeout=int(options.lease * 3000),
            consumer_id="0",
            unacknowledged_lock_timeout=1,
            xread_block=200,
        ).with_middlewares(SimpleRetryMiddleware(default_retry_count=options.retries))

        @self.broker.task(task_name="run", retry_on_error=options.retries > 0)
        async def run(name: str, mode: str = "", seconds: float = 0) -> None:
            await jobs.run(name, self.journal, Claim(self), mode, seconds)

        self._task: AsyncTaskiqDecoratedTask[..., Any] = run

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connect to Redis."""
        await self.broker.startup()
        yield
        await self.broker.shutdown()

    async def enqueue(self, session: AsyncSession, name: str, *arguments: object) -> None:  # noqa: ARG002
        """Send a message to Redis: now, whatever becomes of the transaction."""
        await self._task.kiq(name, *arguments)

    async def work(self) -> None:
        """Run its receiver."""
        await self.broker.startup()
        await run_receiver_task(self.broker, max_async_tasks=10)

    async def state(self) -> str:
        """Return whether a message is claimed."""
        async with Redis(connection_pool=self.broker.connection_pool) as redis:
            pending = await redis.xpending(STREAM, "taskiq")
        return "claimed" if pending["pending"] else "acknowledged"
