"""Channels: how events reach the other processes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from app.settings.config import Settings

logger = logging.getLogger("app.live")

RETRY_SECONDS = 2
SEND_TIMEOUT_SECONDS = 10


class Channel:
    """Carries messages to all processes. This one stays within the process, as with SQLite."""

    on_message: Callable[[str], None]
    on_connect: Callable[[], None]
    is_connected = True

    def start(self) -> None:
        """Connect in the background, if needed."""

    async def send(self, messages: Sequence[str]) -> None:
        """Send messages to all processes, including this one."""
        for message in messages:
            self.on_message(message)

    async def aclose(self) -> None:
        """Disconnect."""


class RemoteChannel(Channel):
    """A channel over a connection, which it opens when it is first needed, and again when it is lost."""

    is_connected = False

    def __init__(self) -> None:
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def connect(self) -> AbstractAsyncContextManager[Any]:
        """Open the connection and listen."""
        raise NotImplementedError

    async def wait_until_lost(self) -> None:
        """Return or raise when the connection is lost."""
        raise NotImplementedError

    async def transmit(self, messages: Sequence[str]) -> None:
        """Send messages on the open connection."""
        raise NotImplementedError

    def start(self) -> None:
        """Connect in the background, and stay connected."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected())

    async def send(self, messages: Sequence[str]) -> None:
        """Send messages; wait for the connection."""
        self.start()
        async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
            await self._connected.wait()
            await self.transmit(messages)

    async def aclose(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _stay_connected(self) -> None:
        is_outage = False
        while True:
            try:
                async with self.connect(), self._usable():
                    is_outage = False
                    await self.wait_until_lost()
            except Exception as error:  # noqa: BLE001 - any driver's
                if not is_outage:
                    logger.warning("unavailable: live updates between processes: %s", type(error).__name__)
                is_outage = True
            await asyncio.sleep(RETRY_SECONDS)

    @asynccontextmanager
    async def _usable(self) -> AsyncIterator[None]:
        self.is_connected = True
        self._connected.set()
        self.on_connect()
        try:
            yield
        finally:
            self.is_connected = False
            self._connected.clear()


def open_channel(settings: Settings) -> Channel:
    """Return the channel: Redis if `REDIS_URL` is set, else PostgreSQL, else within this process."""
    if settings.redis_url:
        from app.live.redis import RedisChannel  # noqa: PLC0415 - slow to import and rarely used

        return RedisChannel(settings.redis_url.get_secret_value(), f"live:{settings.base_url}")
    if settings.database.url.startswith("sqlite"):
        return Channel()
    if settings.database.uses_pgbouncer and not settings.database.direct_url:
        logger.warning("live updates reach only the pages of the same process: set DATABASE_DIRECT_URL or REDIS_URL")
        return Channel()
    from app.live.postgresql import PostgresqlChannel  # noqa: PLC0415 - only where PostgreSQL is used

    return PostgresqlChannel(settings.database.direct())
