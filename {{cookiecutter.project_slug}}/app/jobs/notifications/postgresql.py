"""Sends and receives notifications of enqueued jobs.

They are sent after the commit, in a transaction of their own: one that also writes rows would make the commits of all
others wait for each other. A worker that misses one, because a connection is lost, finds the jobs by polling.
https://www.postgresql.org/docs/current/sql-notify.html
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from app.database.connection import Database
from app.database.engine import postgresql_connect_args
from app.database.outages import OUTAGES, log_outage
from app.settings.config import DatabaseSettings

CHANNEL = "jobs"
PING_SECONDS = 30  # so that a connection that a firewall dropped is noticed
RETRY_SECONDS = 5

# A crash of the server loses the listeners too, so the notification needn't be on disk.
_NOTIFY = f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{CHANNEL}', '')"
_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Notifier:
    """Notifies workers, once for all that was enqueued meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_wanted = False
        self._sending: asyncio.Task[None] | None = None

    def send(self) -> None:
        """Notify workers, without waiting."""
        self._is_wanted = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            with suppress(*_ERRORS, *OUTAGES):  # workers poll, too
                async with self._database.engine.connect() as connection:
                    driver: Any = (await connection.get_raw_connection()).driver_connection
                    await driver.execute(_NOTIFY)

    async def aclose(self) -> None:
        """Wait until it is sent."""
        if self._sending is not None:
            await self._sending


@asynccontextmanager
async def listening(settings: DatabaseSettings, wake: Callable[[], None]) -> AsyncIterator[None]:
    """Call a function at each notification, and whenever one may have been missed."""
    task = asyncio.create_task(_listen_always(settings, wake))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _listen_always(settings: DatabaseSettings, wake: Callable[[], None]) -> None:
    while True:
        try:
            await _listen(postgresql_connect_args(settings), wake)
        except _ERRORS as error:
            log_outage(error)
        await asyncio.sleep(RETRY_SECONDS)


async def _listen(arguments: dict[str, Any], wake: Callable[[], None]) -> None:
    """Listen on a connection of its own, until it is lost."""
    connection: Any = await asyncpg.connect(**arguments)
    lost = asyncio.Event()
    try:
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, lambda *_: wake())
        wake()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await lost.wait()
            await connection.execute("SELECT 1", timeout=arguments["timeout"])
    finally:
        connection.terminate()
