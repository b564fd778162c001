"""Tells the app of a shutdown when the signal arrives."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def call_at_shutdown(stop: Callable[[], None]) -> Iterator[None]:
    """Call a function on SIGTERM or SIGINT, before the server's own handler.

    The lifespan ends too late for streams: servers wait for open responses first.
    """
    if threading.current_thread() is not threading.main_thread():  # where Python allows no signal handlers
        yield
        return
    loop = asyncio.get_running_loop()
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: Any) -> None:  # noqa: ANN401 - as in `signal`
        loop.call_soon_threadsafe(stop)
        if callable(servers_own := previous[signal.Signals(number)]):
            servers_own(number, frame)

    handled = [number for number, handler in previous.items() if callable(handler)]
    for number in handled:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in handled:
            if signal.getsignal(number) is handle:
                signal.signal(number, previous[number])
