"""Measures this process: connections, memory and file descriptors; and serves the metrics of a worker."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy.pool import QueuePool

from app.api.error_handlers import register_exception_handlers
from app.database.connection import Database
from app.operations.metrics import endpoint, instruments
from app.operations.metrics.recording import start_recording
from app.settings.config import ServerSettings, Settings

INTERVAL_SECONDS = 5
"""How old gauges can be."""


@asynccontextmanager
async def measured(settings: Settings, state: Mapping[str, Any], *, is_worker: bool) -> AsyncIterator[None]:
    """Record what this process does, and measure it regularly."""
    start_recording()
    instruments.STARTED.set_to_current_time()
    tasks = [asyncio.create_task(_keep_measuring(state))]
    if is_worker and settings.metrics.port:
        tasks.append(asyncio.create_task(_serve(settings.server, settings.metrics.port, state)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_measuring(state: Mapping[str, Any]) -> None:
    while True:
        _measure_database(state["database"])
        instruments.LIVE_CONNECTIONS.set(state["connections"].count)
        if sys.platform == "linux":
            _measure_process()
        await asyncio.sleep(INTERVAL_SECONDS)


def _measure_database(database: Database) -> None:
    pool = database.engine.pool
    if isinstance(pool, QueuePool):  # not SQLite's in-memory database
        instruments.POOL_SIZE.set(pool.size())
        instruments.POOL_IN_USE.set(pool.checkedout())
    if database.driver:
        instruments.POOL_WAITS.inc(database.driver.waits)
        database.driver.waits = 0


def _measure_process() -> None:
    from resource import RLIMIT_NOFILE, getrlimit  # noqa: PLC0415 - not on Windows

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    instruments.MEMORY.set(pages * os.sysconf("SC_PAGE_SIZE"))
    instruments.OPEN_FILES.set(len(list(Path("/proc/self/fd").iterdir())))
    instruments.MAX_FILES.set(getrlimit(RLIMIT_NOFILE)[0])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the worker."""
        yield


async def _serve(server: ServerSettings, port: int, state: Mapping[str, Any]) -> None:
    """Serve `/metrics` of a worker, until the task is canceled."""

    @asynccontextmanager
    async def share_state(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:  # noqa: ARG001 - FastAPI's
        yield state

    app = FastAPI(openapi_url=None, lifespan=share_state)
    register_exception_handlers(app)
    app.include_router(endpoint.router)
    await _Server(uvicorn.Config(app, host=server.host, port=port, log_config=None, access_log=False)).serve()
