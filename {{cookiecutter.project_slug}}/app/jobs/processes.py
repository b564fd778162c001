"""Runs jobs in the server and in `app worker`."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from app.database.connection import Database
from app.jobs.runner import JobRunner
from app.jobs.wake import signal_of
from app.settings.config import Settings

logger = logging.getLogger("app.jobs")


@asynccontextmanager
async def jobs_in_server(settings: Settings, database: Database, state: Mapping[str, Any]) -> AsyncIterator[None]:
    """Run jobs in the background or, if `JOBS_IN_SERVER` is false, notify the workers that do."""
    if not settings.jobs.in_server:
        async with _notifications(settings, database):
            yield
        return
    runner = JobRunner(settings, database, state)
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        runner.stop()
        await asyncio.gather(task, return_exceptions=True)


async def run_worker(
    settings: Settings, database: Database, state: Mapping[str, Any], queues: Collection[str] = ()
) -> None:
    """Run the jobs of these queues, or of all, until SIGTERM or SIGINT."""
    runner = JobRunner(settings, database, state, queues=queues)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(runner.stop))
    logger.info("running jobs of the queues: %s", ", ".join(queues) or "all")
    async with _notifications(settings, database, wake=runner.wake):
        await runner.run()


@asynccontextmanager
async def _notifications(
    settings: Settings, database: Database, wake: Callable[[], None] | None = None
) -> AsyncIterator[None]:
    """Notify workers of other processes, and listen to them; only PostgreSQL can. Without, they poll."""
    async with AsyncExitStack() as stack:
        if find_spec("app.jobs.notifications") and database.engine.dialect.name == "postgresql":
            module = import_module("app.jobs.notifications.postgresql")
            notifier = module.Notifier(database)
            stack.push_async_callback(notifier.aclose)
            stack.enter_context(signal_of(database).call(notifier.send))
            if wake and not settings.database.uses_pgbouncer:
                await stack.enter_async_context(module.listening(settings.database, wake))
        yield
