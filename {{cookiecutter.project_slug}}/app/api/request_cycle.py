"""Per-request part of the middleware in `app/api/middleware.py`: limits, request log, commit and headers."""

import asyncio
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.api.concurrency import ConcurrencyLimit
from app.api.dependencies import close_request_session
from app.api.encoding import is_percent_encoded_utf8
from app.api.error_handlers import HANDLED_EXCEPTIONS, as_problem
from app.api.live_connections import LiveConnection, LiveConnections
from app.api.request_body import body_limit, discard_body, has_body
from app.api.request_log import assign_request_id, log_request, logger, route_template
from app.api.response_headers import RequestHeaders, finalize_headers
from app.database.outages import OUTAGES
from app.errors import ContentTooLarge, InvalidRequest, Problem, Unavailable

LIVENESS_PATH = "/health/live"  # always answered: an orchestrator must not restart a busy server
CLOSE_SECONDS = 1.0  # for the last message of a live connection, whose client may not read
EVENT_STREAM = b"text/event-stream"
BUFFERING = b"x-accel-buffering"  # a header that nginx and others read
_DISCONNECTED = Unavailable("The client disconnected.")
_CLIENT_CLOSED_REQUEST = 499  # nginx's status for it in logs


@dataclass(frozen=True, slots=True)
class MiddlewareConfig:
    """Settings shared by all requests."""

    max_body_bytes: int
    headers: dict[bytes, bytes]
    """Default response headers."""
    concurrency: ConcurrencyLimit
    liveness_path: str


class RequestResponseCycle:
    """State of one request and its response."""

    def __init__(
        self, config: MiddlewareConfig, scope: Scope, headers: RequestHeaders, receive: Receive, send: Send
    ) -> None:
        self.config = config
        self.headers, self._receive, self._send = headers, receive, send
        self.app = scope["app"]  # saved, because mounted apps overwrite it
        self.received_bytes, self.has_slot = 0, False
        self.is_body_pending = has_body(scope, headers)
        """Whether parts of the body may not have been received."""
        self._delayed_start: Message | None = None
        self._buffered: list[Message] = []
        self._form = bytearray()
        self.rejection: Problem | HTTPException | None = None
        """Error to return instead of the application's response."""
        self.started, self.status = time.perf_counter(), 0
        self.id, self.method = assign_request_id(scope, headers), scope["method"]
        self.scope = {**scope, "method": "GET", "is_head": True} if self.method == "HEAD" else scope
        """Scope passed to the application: HEAD becomes GET."""
        self._is_complete = False
        self._task = asyncio.current_task()
        self._stream: LiveConnection | None = None

    async def acquire_slot(self) -> None:
        """Acquire a concurrency slot."""
        concurrency = self.config.concurrency
        if self.has_slot or self.rejection or self.scope["path"] == self.config.liveness_path:
            return
        if not concurrency.locked():
            self.has_slot = await concurrency.acquire()
            return
        self.has_slot = await concurrency.acquire_in_time()
        if not self.has_slot:
            self.rejection = Unavailable("The server is overloaded.")
        elif await self._is_disconnected():
            self.rejection = _DISCONNECTED

    async def _is_disconnected(self) -> bool:
        """Return whether the client disconnected while the request was queued."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                while (message := await self._receive())["type"] != "http.disconnect":
                    self.is_body_pending = message.get("more_body", False)
                    self._buffered.append(message)
                return True
        return False

    async def receive(self) -> Message:
        """Receive a body chunk; disconnect if the request is rejected."""
        if self._buffered:
            return self._buffered.pop(0)
        limit, length = body_limit(self.scope, self.config.max_body_bytes), self.headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            self.rejection = content_too_large(limit)
            return {"type": "http.disconnect"}
        message = await self._receive()
        self.is_body_pending = message.get("more_body", False)
        self.received_bytes += len(message.get("body", b""))
        if self.received_bytes > limit:
            self.rejection = content_too_large(limit)
        elif message["type"] == "http.request":
            await self._check_chunk(message.get("body", b""), is_last=not message.get("more_body"))
        return {"type": "http.disconnect"} if self.rejection else message

    async def _check_chunk(self, chunk: bytes, *, is_last: bool) -> None:
        if b"urlencoded" in self.headers.get(b"content-type", b"").lower():
            self._form += chunk
        if is_last and not is_percent_encoded_utf8(bytes(self._form)):
            self.rejection = InvalidRequest("Form data must be percent-encoded UTF-8.")
        elif is_last:
            await self.acquire_slot()

    async def send(self, message: Message) -> None:
        """Add default headers; drop the response of a rejected request and the body of a HEAD response."""
        if self._is_complete or (self.rejection and not self.status):
            return
        if message["type"] != "http.response.start":
            if self._delayed_start is not None:
                await self._send_start(is_stream=message.get("more_body", False))
            await self._send(message)
            return
        defaults = {**self.config.headers, b"x-request-id": self.id.encode()}
        headers = finalize_headers(message, self.scope, self.headers, defaults)
        if headers.get(b"content-type", b"").startswith(EVENT_STREAM) and self.method != "HEAD":
            self._start_stream(message)
        await self._close_session(message["status"])
        self.status = message["status"]
        self._is_complete = self.method == "HEAD" or self.status == HTTPStatus.NOT_MODIFIED
        if self.is_body_pending and not self._is_complete:
            self._delayed_start = message
            return
        await self._send(message)
        if self._is_complete:
            await self._send({"type": "http.response.body", "body": b""})

    async def _send_start(self, *, is_stream: bool) -> None:
        """Send the start of a response to a request whose body is not read; a stream may read it later."""
        start, self._delayed_start = self._delayed_start, None
        if not is_stream:
            await discard_body(self._receive, self.headers)
        if start:
            await self._send(start)

    def _start_stream(self, message: Message) -> None:
        """Count an event stream as a live connection instead of a request, and let proxies pass it on unbuffered.

        Other streaming responses keep their slot: they end by themselves, and producing them is work to be limited.
        """
        connections: LiveConnections = self.scope["state"]["connections"]
        try:
            self._stream = connections.add(self.scope, self._task)
        except Problem as problem:
            self.rejection = problem
            raise
        self._release_slot()
        self.scope["state"]["is_stream"] = True
        message["headers"] = [header for header in message["headers"] if header[0] != BUFFERING]
        message["headers"].append((BUFFERING, b"no"))

    async def end_stream(self, cancelled: asyncio.CancelledError) -> None:
        """Complete an event stream whose session has ended, or at shutdown; otherwise, the server cancelled it."""
        if self._stream is None or not self._stream.has_ended():
            raise cancelled
        with suppress(TimeoutError):  # the client doesn't read
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send({"type": "http.response.body", "body": b""})

    async def _close_session(self, status: int) -> None:
        """Commit before sending a successful response; if the commit fails, send the error.

        An exception handler's response is sent while the exception is handled; it rolls back even if it redirects.
        """
        is_success = status < HTTPStatus.BAD_REQUEST and sys.exc_info()[0] is None
        try:
            await close_request_session(self.scope, commit=is_success)
        except HANDLED_EXCEPTIONS as error:
            self.rejection = as_problem(error)
            raise

    async def handle_exception(self, error: Exception) -> None:
        """Return 500 for unexpected exceptions, with the default headers and the request ID in the log."""
        if self.rejection:
            return  # failed because the rest of the body was withheld
        if isinstance(error, ClientDisconnect):  # before the rest of a form arrived
            self.rejection = _DISCONNECTED
            return
        if self.status or not isinstance(error, OUTAGES):
            logger.error("failed: %s", self.id, exc_info=error, extra={"route": route_template(self.scope)})
        if self.scope["state"].get("is_answered"):
            return  # by the exception handler of a mounted app, which raises it again
        if self.status:
            raise error  # the response has started: the server can only close the connection
        await self._send_error(error)

    async def _send_error(self, error: Exception) -> None:
        """Send the response of the app's exception handler."""
        # A mounted application replaced `app` in the scope, but this one handles the errors.
        request = Request({**self.scope, "app": self.app})
        handled = (*OUTAGES, Problem, Exception)
        handler = self.app.exception_handlers[next(kind for kind in handled if isinstance(error, kind))]
        response: Response = await handler(request, error)
        await response(self.scope, self._receive, self.send)

    async def finish(self) -> None:
        """Release the slot, send a pending error, and log the request without tokens."""
        if self._stream:
            self.scope["state"]["connections"].discard(self._stream)
        await close_request_session(self.scope, commit=False)  # if no response has started
        self._release_slot()
        rejection, self.rejection = self.rejection, None
        if rejection is _DISCONNECTED:
            self.status = _CLIENT_CLOSED_REQUEST
        elif rejection and not self.status:
            await self._send_error(rejection)
        log_request(self.scope, self.method, self.status or 500, self.started)

    def _release_slot(self) -> None:
        if self.has_slot:
            self.has_slot = False
            self.config.concurrency.release()


def content_too_large(limit: int) -> ContentTooLarge:
    """Return the error for an oversized body."""
    return ContentTooLarge(f"Maximum size: {limit} bytes.")
