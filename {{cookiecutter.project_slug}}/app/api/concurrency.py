"""Limit on concurrent requests: further ones wait in a queue."""

import asyncio


class ConcurrencyLimit:
    """Concurrency limit with a FIFO queue.

    The queue is unbounded: clients that are rejected immediately retry immediately, which would overload the server.
    """

    def __init__(self, limit: int, queue_timeout: float) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._queue_timeout = queue_timeout

    def locked(self) -> bool:
        """Return whether the next request has to wait."""
        return self._slots.locked()

    async def acquire(self) -> bool:
        """Acquire a slot; return False on timeout."""
        if not self.locked():
            return await self._slots.acquire()
        try:
            async with asyncio.timeout(self._queue_timeout):
                return await self._slots.acquire()
        except TimeoutError:
            return False

    def release(self) -> None:
        """Release the slot to the next request in the queue."""
        self._slots.release()
