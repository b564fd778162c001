"""The state that the lifespan yields, also for requests of servers and clients that don't run a lifespan."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

State = Mapping[str, Any]


class LifespanState:
    """The state of each event loop: from the lifespan, or opened by the first request.

    Daphne runs no lifespan, nor do in-process clients such as `httpx.ASGITransport`.
    """

    def __init__(self, open_state: Callable[[], State]) -> None:
        self._open_state = open_state
        self._by_loop: dict[asyncio.AbstractEventLoop, State] = {}

    @asynccontextmanager
    async def share(self, lifespan: AbstractAsyncContextManager[State]) -> AsyncIterator[State]:
        """Run a lifespan, and use its state for in-process requests of the same event loop, too."""
        loop = asyncio.get_running_loop()
        async with lifespan as state:
            self._by_loop[loop] = state
            try:
                yield state
            finally:
                del self._by_loop[loop]

    def get(self) -> State:
        """Return the state of the running event loop. It doesn't await, so concurrent first requests share one."""
        loop = asyncio.get_running_loop()
        if loop not in self._by_loop:
            self._by_loop = {other: state for other, state in self._by_loop.items() if not other.is_closed()}
            self._by_loop[loop] = self._open_state()
        return self._by_loop[loop]
