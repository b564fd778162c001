"""Per-request part of the middleware in `app/api/middleware.py`: limits, request log, commit and headers."""

import asyncio
import logging
import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uuid_utils import uuid7

from app.api.concurrency import ConcurrencyLimit
from app.api.dependencies import close_request_session
from app.api.encoding import is_percent_encoded_utf8
from app.api.error_handlers import HANDLED_EXCEPTIONS, as_problem
from app.api.request_body import discard_body, has_body
from app.api.response_headers import RequestHeaders, finalize_headers
from app.database.outages import OUTAGES
from app.errors import ContentTooLarge, InvalidRequest, Problem, Unavailable

logger = logging.getLogger("app.requests")

LIVENESS_PATH = "/health/live"  # always answered: an orchestrator must not restart a busy server
_DISCONNECTED = Unavailable("The client disconnected.")
_CLIENT_CLOSED_REQUEST = 499  # nginx's status for it in logs

# Path segments that may be tokens: emailed tokens have 43 characters, IDs have 36.
_LONG_SEGMENT = re.compile(r"/[^/]{40,}")
_PLAIN_PATH = re.compile(r"(?:/[!-.0-\[\]-~]{0,39})*")  # printable ASCII without backslashes or long segments

_VALID_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


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
        self.remaining_bytes, self.has_slot = config.max_body_bytes, False
        self.is_body_pending = has_body(scope, headers)
        """Whether parts of the body may not have been received."""
        self._buffered: list[Message] = []
        self._form = bytearray()
        self.rejection: Problem | HTTPException | None = None
        """Error to return instead of the application's response."""
        self.started, self.status = time.perf_counter(), 0
        self.id, self.method = assign_request_id(scope, headers), scope["method"]
        self.scope = {**scope, "method": "GET"} if self.method == "HEAD" else scope
        """Scope passed to the application: HEAD becomes GET."""
        self._is_complete = False

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
        message = await self._receive()
        self.is_body_pending = message.get("more_body", False)
        self.remaining_bytes -= len(message.get("body", b""))
        if self.remaining_bytes < 0:
            self.rejection = content_too_large(self.config.max_body_bytes)
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
            if self.is_body_pending and message["type"] == "http.response.body" and not message.get("more_body"):
                await self._send({**message, "more_body": True})
                await discard_body(self._receive, self.headers)
                message = {"type": "http.response.body", "body": b""}
            await self._send(message)
            return
        await self._close_session(message["status"])
        defaults = {**self.config.headers, b"x-request-id": self.id.encode()}
        finalize_headers(message, self.scope, self.headers, defaults)
        self.status = message["status"]
        await self._send(message)
        if self.method == "HEAD" or self.status == HTTPStatus.NOT_MODIFIED:
            self._is_complete = True
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
            logger.error("failed: %s", self.id, exc_info=error)
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
        await close_request_session(self.scope, commit=False)  # if no response has started
        if self.has_slot:
            self.config.concurrency.release()
        rejection, self.rejection = self.rejection, None
        if rejection is _DISCONNECTED:
            self.status = _CLIENT_CLOSED_REQUEST
        elif rejection and not self.status:
            await self._send_error(rejection)
        self._log()

    def _log(self) -> None:
        level = logging.DEBUG if self.scope["state"].get("is_static_file") else logging.INFO
        if not logger.isEnabledFor(level):
            return
        path = self.scope["path"]
        if not _PLAIN_PATH.fullmatch(path):
            path = _LONG_SEGMENT.sub("/*", path).encode("unicode_escape").decode()
        took = (time.perf_counter() - self.started) * 1000
        values = (self.method, path, self.status or 500, took, self.id)
        # `logger.log()` would look up the caller in the stack, for each request.
        record = logger.makeRecord(logger.name, level, __file__, 0, "%s %s %s %.1fms %s", values, None)
        logger.handle(record)


def assign_request_id(scope: Scope, headers: RequestHeaders) -> str:
    """Return the request ID sent by the client, or generate one; store it as `request.state.request_id`."""
    sent = headers.get(b"x-request-id", b"")
    request_id = sent.decode() if _VALID_REQUEST_ID.fullmatch(sent) else str(uuid7())
    scope.setdefault("state", {})["request_id"] = request_id
    return request_id


def content_too_large(limit: int) -> ContentTooLarge:
    """Return the error for an oversized body."""
    return ContentTooLarge(f"Maximum size: {limit} bytes.")
