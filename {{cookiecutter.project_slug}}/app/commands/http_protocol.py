"""HTTP/1.1 for the bundled server: Uvicorn's protocol, with limits on incomplete requests.

The application sees a request only after all its headers have arrived; until then, the limits here apply.
"""

import asyncio
import json
import logging
import sys
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.api.error_handlers import MEDIA_TYPE
from app.settings.config import ServerSettings

logger = logging.getLogger(__name__)

MIN_BYTES_PER_SECOND = 500  # the default of Apache's mod_reqtimeout
MAX_PIPELINED = 32
MAX_STALLED_CHECKS = 3
LINGER_SECONDS = 1.0
OPEN_FILES_LIMIT = 16_384  # for 10,000 connections; macOS doesn't allow an unlimited number


class LimitedHttpProtocol(HttpToolsProtocol):
    """An HTTP/1.1 connection that limits incomplete requests."""

    def __init__(self, *, app_state: dict[str, Any], **rest: Any) -> None:  # noqa: ANN401 - Uvicorn's
        super().__init__(app_state=app_state, **rest)
        limits: ServerSettings = app_state["settings"].server
        self.max_header_bytes = limits.max_header_bytes
        # The rest is for the database, logs and other files.
        self.max_connections = min(limits.max_connections, raise_open_files_limit() * 3 // 4)
        self.timeout = limits.read_timeout.total_seconds()
        self.min_bytes = self.timeout * MIN_BYTES_PER_SECOND
        self.received = 0.0  # bytes since the last check
        self.unparsed = 0  # bytes that the parser may buffer; 0 only if no request is incomplete
        self.unsent = self.stalled_checks = 0
        self.done = False
        self.url = b""

    @property
    def is_busy(self) -> bool:
        """Whether a request is being processed."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in Uvicorn
        """Start the checks; close idle connections if too many are open."""
        super().connection_made(transport)
        self.timer = self.loop.call_later(self.timeout, self._check_progress)
        if len(self.connections) > self.max_connections:
            self._close_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the checks."""
        self.timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse in chunks; reject the request if the parser would have to buffer more than the limit."""
        for start in range(0, len(data), self.max_header_bytes):
            if self.done or self.transport.is_closing():
                return
            chunk = data[start : start + self.max_header_bytes]
            self.received = self.received + len(chunk) if self.unparsed else self.min_bytes
            self.unparsed += len(chunk)
            super().data_received(chunk)
            if self.unparsed > self.max_header_bytes or len(self.pipeline) > MAX_PIPELINED:
                self._reject(414 if 2 * len(self.url) > self.max_header_bytes else 431)

    def on_headers_complete(self) -> None:
        """Pass the request on, with a copy of its headers: Uvicorn adds trailers to the list."""
        self.unparsed = 1
        self.scope["headers"] = [*self.headers]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Reset the count: the parser has buffered nothing."""
        self.unparsed = 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Reset the count: the request is complete."""
        self.unparsed = 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Switch to the WebSocket protocol; reject invalid handshakes, which it would ignore."""
        self.timer.cancel()
        super().handle_websocket_upgrade()
        if not getattr(self.transport.get_protocol(), "handshake_initiated", True):
            self._reject(400)
        self.done = True

    def _check_progress(self) -> None:
        """Reject a slow request, close an idle connection, and abort if the client doesn't read its response."""
        self.timer = self.loop.call_later(self.timeout, self._check_progress)
        unsent = self.transport.get_write_buffer_size()
        self.stalled_checks = self.stalled_checks + 1 if unsent and unsent == self.unsent else 0
        cycle, flow = self.cycle, self.flow
        waiting = self.is_busy and (flow.read_paused or cycle.waiting_for_100_continue or not cycle.more_body)
        slow = self.received < self.min_bytes and not waiting
        self.received, self.unsent = self.min_bytes if waiting else 0, unsent
        if self.stalled_checks == MAX_STALLED_CHECKS:
            self.transport.abort()  # the client doesn't read its response
        elif slow and self.unparsed and not self.transport.is_closing():
            self._reject(408)
        elif slow and self.cycle is None:
            self.transport.close()  # nothing was sent

    def _reject(self, status: int) -> None:
        """Send an error response and close after a delay, because closing immediately could discard the response."""
        self.done = True
        logger.info("rejected an incomplete request: %d", status)
        if self.is_busy and not self.cycle.more_body:
            self.cycle.keep_alive = False  # close after the responses to earlier requests
        elif self.is_busy and (self.cycle.response_started or self.pipeline):
            self.transport.abort()  # a response would be taken for a part of another one
        else:
            if self.is_busy:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            body = json.dumps({"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}).encode()
            head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head.encode() + body)
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.timer.cancel()
            self.timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _close_idle(self) -> None:
        """Close all idle connections; if there are none, this one."""
        others = (other for other in self.connections if isinstance(other, LimitedHttpProtocol) and other is not self)
        idle = [other for other in others if not other.is_busy and not other.transport.get_write_buffer_size()]
        message = "%d connections are open (limits: SERVER_MAX_CONNECTIONS, `ulimit -n`); closed %d idle ones"
        logger.warning(message, len(self.connections), len(idle))
        for connection in idle or [self]:
            self.connections.discard(connection)
            connection.transport.abort()


@cache
def raise_open_files_limit() -> int:
    """Raise the limit of open files, which is often 1024 or less, and return it."""
    if sys.platform == "win32":
        return OPEN_FILES_LIMIT
    import resource  # noqa: PLC0415 - Unix only

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # the system has a lower limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, OPEN_FILES_LIMIT)), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
