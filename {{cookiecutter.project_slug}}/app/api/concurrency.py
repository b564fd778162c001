"""Limit on concurrent requests: further ones wait in a queue."""

import asyncio


class ConcurrencyLimit(asyncio.Semaphore):
    """Concurrency limit with a FIFO queue.

    The queue is unbounded: clients that are rejected immediately retry immediately, which would overload the server.
    """

    def __init__(self, limit: int, queue_timeout: float) -> None:
        super().__init__(limit)
        self.queue_timeout = queue_timeout

    async def acquire_in_time(self) -> bool:
        """Wait for a slot; return False on timeout."""
        try:
            async with asyncio.timeout(self.queue_timeout):
                return await self.acquire()
        except TimeoutError:
            return False
