"""WebSockets for the bundled server: Uvicorn's protocol, with limits on clients that don't read."""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

MAX_FRAGMENTS = 1024
"""Frames of one message; the limit on its size doesn't count empty ones."""


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket whose client can't make the server keep memory or the connection by not reading.

    Uvicorn stops reading while a message waits for the application, and `send` waits for a client that reads slowly.
    Every 20 seconds, it sends a ping, and closes the connection if the client doesn't answer.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - Uvicorn's
        super().__init__(*arguments, **options)
        # app.api logs WebSockets, with the request ID and without the query string.
        self.logger = self.conn.logger = logging.getLogger(__name__)

    def data_received(self, data: bytes) -> None:
        """Stop reading while the client doesn't read the answers to its pings."""
        super().data_received(data)
        if not self.writable.is_set():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Continue reading, unless a message waits for the application."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """Limit the number of fragments."""
        super().handle_cont(event)
        if len(self.frames) > MAX_FRAGMENTS and not self.close_sent:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()

    def keepalive_timeout(self) -> None:
        """Close without waiting until the client has read everything."""
        super().keepalive_timeout()
        self.transport.abort()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Close the connection some seconds after the application returned, even if the client doesn't read."""
        super().on_task_complete(task)
        self.loop.call_later(self.close_timeout, self.transport.abort)
