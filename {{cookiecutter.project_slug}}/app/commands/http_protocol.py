"""HTTP/1.1 for the bundled server: Uvicorn's protocol, with limits on requests that are not complete.

The application sees a request only when all its headers have arrived. What comes before that is limited here.
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

MIN_BYTES_PER_SECOND = 500  # as Apache's mod_reqtimeout by default
MAX_PIPELINED = 32
MAX_STALLED_CHECKS = 3
LINGER_SECONDS = 1.0
OPEN_FILES_LIMIT = 16_384  # for 10,000 connections; macOS allows no process an unlimited number


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *, app_state: dict[str, Any], **rest: Any) -> None:  # noqa: ANN401 - Uvicorn's
        super().__init__(app_state=app_state, **rest)
        limits: ServerSettings = app_state["settings"].server
        self.max_header_bytes = limits.max_header_bytes
        self.max_connections = min(
            limits.max_connections, raise_open_files_limit() * 3 // 4
        )  # the rest is for everything else
        self.timeout = limits.read_timeout.total_seconds()
        self.enough = self.timeout * MIN_BYTES_PER_SECOND
        self.received = 0.0  # bytes since the last check
        self.unparsed = 0  # bytes that the parser may hold; 0 only when no request is incomplete
        self.unsent = self.stuck = 0
        self.done = False
        self.url = b""

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in Uvicorn
        """Start the checks, and make room when too many connections are open."""
        super().connection_made(transport)
        self.timer = self.loop.call_later(self.timeout, self._check_progress)
        if len(self.connections) > self.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the checks."""
        self.timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse piece by piece, and refuse what the parser would have to hold beyond the limit."""
        for start in range(0, len(data), self.max_header_bytes):
            if self.done or self.transport.is_closing():
                return
            piece = data[start : start + self.max_header_bytes]
            self.received = self.received + len(piece) if self.unparsed else self.enough
            self.unparsed += len(piece)
            super().data_received(piece)
            if self.unparsed > self.max_header_bytes or len(self.pipeline) > MAX_PIPELINED:
                self._refuse(414 if 2 * len(self.url) > self.max_header_bytes else 431)

    def on_headers_complete(self) -> None:
        """Pass the request on, with a copy of its headers: Uvicorn adds trailers to the list."""
        self.unparsed = 1
        self.scope["headers"] = [*self.headers]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that the parser passed everything on."""
        self.unparsed = 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is complete."""
        self.unparsed = 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Let another protocol take over; it ignores a handshake that it cannot parse, so refuse that here."""
        self.timer.cancel()
        super().handle_websocket_upgrade()
        if not getattr(self.transport.get_protocol(), "handshake_initiated", True):
            self._refuse(400)
        self.done = True

    def _check_progress(self) -> None:
        """Judge what happened since the last check; a request that began since then gets until the next one."""
        self.timer = self.loop.call_later(self.timeout, self._check_progress)
        unsent = self.transport.get_write_buffer_size()
        self.stuck = self.stuck + 1 if unsent and unsent == self.unsent else 0
        cycle, flow = self.cycle, self.flow
        waits = self.is_busy and (flow.read_paused or cycle.waiting_for_100_continue or not cycle.more_body)
        slow = self.received < self.enough and not waits
        self.received, self.unsent = self.enough if waits else 0, unsent
        if self.stuck == MAX_STALLED_CHECKS:
            self.transport.abort()  # the client does not read its response
        elif slow and self.unparsed and not self.transport.is_closing():
            self._refuse(408)
        elif slow and self.cycle is None:
            self.transport.close()  # nothing was sent

    def _refuse(self, status: int) -> None:
        """Answer and close, but drop what still arrives for a moment: closing at once could destroy the answer."""
        self.done = True
        logger.info("refused an incomplete request: %d", status)
        if self.is_busy and not self.cycle.more_body:
            self.cycle.keep_alive = False  # close after the answers to the requests before this one
        elif self.is_busy and (self.cycle.response_started or self.pipeline):
            self.transport.abort()  # an answer would be taken for a part of another one
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

    def _make_room(self) -> None:
        """Close all idle connections; if there is none, this one."""
        others = (other for other in self.connections if isinstance(other, LimitedHttpProtocol) and other is not self)
        idle = [other for other in others if not other.is_busy and not other.transport.get_write_buffer_size()]
        message = "%d connections are open (limits: SERVER_MAX_CONNECTIONS, `ulimit -n`): closed %d idle ones"
        logger.warning(message, len(self.connections), len(idle))
        for connection in idle or [self]:
            self.connections.discard(connection)
            connection.transport.abort()


@cache
def raise_open_files_limit() -> int:
    """Raise the number of files that this process may open, often 1024 or less, and return it."""
    if sys.platform == "win32":
        return OPEN_FILES_LIMIT
    import resource  # noqa: PLC0415 - Unix only

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # the system has another limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, OPEN_FILES_LIMIT)), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
