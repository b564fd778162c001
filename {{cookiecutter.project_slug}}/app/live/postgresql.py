"""Channel over PostgreSQL's LISTEN and NOTIFY, on a connection of its own.

NOTIFY takes a lock that makes the commits of all transactions with a NOTIFY wait for each other, so transactions that
write rows contain none: their events are sent here, after the commit, many in one statement.
https://www.postgresql.org/docs/current/sql-notify.html
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from app.database.engine import postgresql_connect_args
from app.live.channels import RemoteChannel
from app.settings.config import DatabaseSettings

NAME = "live"
PING_SECONDS = 30  # so that a connection that a firewall dropped is noticed
_SEND = "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message"


class PostgresqlChannel(RemoteChannel):
    """Listens and sends on one connection per process, which doesn't count towards `DATABASE_POOL_SIZE`."""

    def __init__(self, settings: DatabaseSettings) -> None:
        super().__init__()
        self._arguments = postgresql_connect_args(settings)
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[None]:
        """Open the connection and listen."""
        self._connection: Any = await asyncpg.connect(**self._arguments)
        self._lost = asyncio.Event()
        try:
            self._connection.add_termination_listener(lambda _: self._lost.set())
            # A crash of the server loses the listeners too, so the notification needn't be on disk.
            await self._connection.execute("SET synchronous_commit = off")
            await self._connection.add_listener(NAME, lambda *arguments: self.on_message(arguments[-1]))
            yield
        finally:
            self._connection.terminate()

    async def wait_until_lost(self) -> None:
        """Return or raise when the connection is lost."""
        while not self._lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self._lost.wait()
            async with self._lock:
                await self._connection.execute("SELECT 1", timeout=self._arguments["timeout"])

    async def transmit(self, messages: Sequence[str]) -> None:
        """Send messages in one transaction."""
        async with self._lock:
            try:
                await self._connection.execute(_SEND, NAME, messages)
            except Exception:
                self._lost.set()  # also if the connection hasn't noticed it yet
                raise
