"""HTTP/1.1 for the bundled server: Uvicorn's protocol, with limits on what is incomplete.

The application sees a request only when all its headers have arrived. Until then, while its body and trailers arrive,
and while a response is sent, this class limits how much a client sends, how slowly it sends and reads, and over how
many connections.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.commands.connections import is_idle, room_for
from app.errors import MEDIA_TYPE, ProblemDocument
from app.settings import ServerSettings

logger = logging.getLogger(__name__)

MIN_BYTES_PER_SECOND = 500  # as Apache's mod_reqtimeout by default
MAX_PIPELINED = 32
LINGER_SECONDS = 1.0
SEND_SECONDS = 60.0  # as nginx's send_timeout
_TOO_LONG, _TOO_LARGE = HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *, app_state: dict[str, Any], **rest: Any) -> None:  # noqa: ANN401 - Uvicorn's
        super().__init__(app_state=app_state, **rest)
        limits: ServerSettings = app_state["settings"].server
        self.max_header_bytes = limits.max_header_bytes
        self.timeout = limits.read_timeout.total_seconds()
        self.room = room_for(limits.max_connections)
        self.incomplete = self.done = False
        self.url = b""
        self.unparsed = 0  # bytes since the parser last completed something: it may hold them
        self.received = 0  # bytes since the deadline was set
        self.unsent = 0  # bytes of responses in memory when the deadline was set
        self.deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in Uvicorn
        """Set a deadline for the first request, and make room when too many connections are open."""
        super().connection_made(transport)
        self._set_deadline()
        self.room.make_for(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the deadline with the connection."""
        self._drop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse piece by piece, and refuse what stays in the parser's memory beyond the limit."""
        for start in range(0, len(data), self.max_header_bytes):
            if self.done:
                return
            piece = data[start : start + self.max_header_bytes]
            self.received += len(piece)
            self.unparsed += len(piece)
            super().data_received(piece)
            if self.unparsed > self.max_header_bytes:
                self._refuse(_TOO_LONG if 2 * len(self.url) > self.max_header_bytes else _TOO_LARGE)
        if self.deadline is None and (self.incomplete or self.unparsed):
            self._set_deadline()

    def pause_writing(self) -> None:
        """Set a deadline for a client that does not read."""
        super().pause_writing()
        self._set_deadline()

    def on_response_complete(self) -> None:
        """Set a deadline for the rest of a response, which may still have to be sent."""
        super().on_response_complete()
        if self.deadline is None and self.transport.get_write_buffer_size():
            self._set_deadline()

    def on_message_begin(self) -> None:
        """Note that a request has begun to arrive."""
        super().on_message_begin()
        self.incomplete = True

    def on_headers_complete(self) -> None:
        """Pass the request on, unless too many wait on this connection."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise HttpParserError("too many pipelined requests")
        self.unparsed = 0
        self.scope["headers"] = [*self.headers]  # a copy, so that trailers do not become headers
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that the body makes progress."""
        self.unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Drop the deadline: the request is complete."""
        self._complete()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Let another protocol take over; it ignores a handshake that it cannot parse, so refuse that here."""
        self._complete()
        super().handle_websocket_upgrade()
        if not getattr(self.transport.get_protocol(), "handshake_initiated", True):
            self._refuse(HTTPStatus.BAD_REQUEST)
        self.done = True

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the answer is a problem document
        """Refuse what cannot be parsed."""
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _complete(self) -> None:
        self.incomplete, self.unparsed = False, 0
        if self.transport.get_write_buffer_size():
            self._set_deadline()
        else:
            self._drop_deadline()

    def _set_deadline(self) -> None:
        self._drop_deadline()
        self.received, self.unsent = 0, self.transport.get_write_buffer_size()
        self.deadline = self.loop.call_later(SEND_SECONDS if self.unsent else self.timeout, self._check_progress)

    def _drop_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _check_progress(self) -> None:
        """Go on waiting for a client that reads, that sends fast enough, or that waits for us."""
        self.deadline = None
        if unsent := self.transport.get_write_buffer_size():
            if unsent == self.unsent:
                self.transport.abort()
            else:
                self._set_deadline()
        elif self.received >= self.timeout * MIN_BYTES_PER_SECOND or self._client_waits():
            self._set_deadline()
        elif self.incomplete or self.unparsed:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif self.cycle is None:
            self.transport.close()  # nothing was asked, so nothing is answered

    def _client_waits(self) -> bool:
        cycle = self.cycle
        return not is_idle(self) and (self.flow.read_paused or cycle.waiting_for_100_continue or not cycle.more_body)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer and close, but drop what still arrives for a moment: closing at once could destroy the answer."""
        if self.done or self.transport.is_closing():
            return
        self.done = True
        self._drop_deadline()
        logger.info("refused an incomplete request: %d %s", status, status.phrase)
        cycle = self.cycle
        if not is_idle(self) and not cycle.more_body:
            cycle.keep_alive = False  # close after the answers to the requests that came before this one
            return
        if not is_idle(self):
            cycle.disconnected = True
            cycle.message_event.set()
            if self.pipeline or cycle.response_started:
                self.transport.abort()  # an answer would be taken for a part of another one
                return
        self.transport.write(self._answer(status))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.deadline = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _answer(self, status: HTTPStatus) -> bytes:
        document = ProblemDocument(type="about:blank", title=status.phrase, status=status)
        body = document.model_dump_json(exclude_none=True).encode()
        ours = {b"content-type": MEDIA_TYPE.encode(), b"content-length": b"%d" % len(body), b"connection": b"close"}
        lines = [b"%s: %s\r\n" % header for header in (*self.server_state.default_headers, *ours.items())]
        return b"".join([STATUS_LINE[status], *lines, b"\r\n", body])
