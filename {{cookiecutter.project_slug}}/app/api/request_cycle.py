"""Per-request part of the middleware in `app/api/middleware.py`: limits, request log, commit and headers."""

import asyncio
import logging
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uuid_utils import uuid7

from app.api.dependencies import close_request_session
from app.api.encoding import is_percent_encoded_utf8
from app.api.error_handlers import HANDLED_EXCEPTIONS, as_problem
from app.api.response_headers import finalize_headers
from app.database.outages import OUTAGES
from app.errors import ContentTooLarge, InvalidRequest, Problem, Unavailable

logger = logging.getLogger("app.requests")

_ALIVE = "/health/live"  # a busy server must not be restarted by its orchestrator
_GONE = Unavailable("The client disconnected.")
_GONE_STATUS = 499  # as in nginx logs

# Path segments that may be tokens: emailed tokens have 43 characters, IDs have 36.
_LONG_SEGMENT = re.compile(r"/[^/]{40,}")

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class ConcurrencyLimit:
    """Concurrency limit with a FIFO queue.

    The queue is unbounded: clients that are rejected immediately retry immediately, which would overload the server.
    """

    def __init__(self, places: int, queue_timeout: float) -> None:
        self._free = asyncio.Semaphore(places)
        self._queue_timeout = queue_timeout

    @property
    def locked(self) -> bool:
        """Whether the next request has to wait."""
        return self._free.locked()

    async def take(self) -> bool:
        """Acquire a slot; return False on timeout."""
        if not self.locked:
            return await self._free.acquire()
        try:
            async with asyncio.timeout(self._queue_timeout):
                return await self._free.acquire()
        except TimeoutError:
            return False

    def leave(self) -> None:
        """Release the slot to the next request in the queue."""
        self._free.release()


@dataclass(frozen=True, slots=True)
class MiddlewareConfig:
    """Settings shared by all requests."""

    max_body_bytes: int
    headers: list[tuple[bytes, bytes]]
    """Default response headers."""
    places: ConcurrencyLimit
    root_path: str


class RequestResponseCycle:
    """State of one request and its response."""

    def __init__(self, rules: MiddlewareConfig, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        self.rules = rules
        self.headers, self._receive, self._send = headers, receive, send
        self.application = scope["app"]  # saved, because mounted apps overwrite it
        self.left, self.entered = rules.max_body_bytes, False
        self._kept: list[Message] = []
        self._form = bytearray()
        self.refusal: Problem | HTTPException | None = None
        """Error to return instead of the application's response."""
        self.started, self.status = time.perf_counter(), 0
        self.id, self.method = assign_request_id(scope, headers), scope["method"]
        self.scope = {**scope, "method": "GET"} if self.method == "HEAD" else scope
        """Scope passed to the application: HEAD becomes GET."""
        self._is_complete = False

    async def acquire_slot(self) -> None:
        """Acquire a concurrency slot."""
        if self.entered or self.refusal or self.scope["path"] == self.rules.root_path + _ALIVE:
            return
        waits = self.rules.places.locked
        self.entered = await self.rules.places.take()
        if not self.entered:
            self.refusal = Unavailable("The server is overloaded.")
        elif waits and await self._has_hung_up():
            self.refusal = _GONE

    async def _has_hung_up(self) -> bool:
        """Return whether the client disconnected while the request was queued."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                while (message := await self._receive())["type"] != "http.disconnect":
                    self._kept.append(message)
                return True
        return False

    async def receive(self) -> Message:
        """Receive a body chunk; disconnect if the body exceeds the limit."""
        if self._kept:
            return self._kept.pop(0)
        message = await self._receive()
        self.left -= len(message.get("body", b""))
        if self.left < 0:
            self.refusal = content_too_large(self.rules.max_body_bytes)
        elif message["type"] == "http.request":
            await self._take_piece(message.get("body", b""), is_last=not message.get("more_body"))
        return {"type": "http.disconnect"} if self.refusal else message

    async def _take_piece(self, piece: bytes, *, is_last: bool) -> None:
        if "urlencoded" in self.headers.get("content-type", "").lower():
            self._form += piece
        if is_last and not is_percent_encoded_utf8(bytes(self._form)):
            self.refusal = InvalidRequest("Form data must be percent-encoded UTF-8.")
        elif is_last:
            await self.acquire_slot()

    async def send(self, message: Message) -> None:
        """Add default headers; drop the response of a rejected request and the body of a HEAD response."""
        if self._is_complete or (self.refusal and not self.status):
            return
        if message["type"] != "http.response.start":
            await self._send(message)
            return
        await self._end_session(message["status"])
        finalize_headers(message, self.scope, self.headers, [*self.rules.headers, (b"x-request-id", self.id.encode())])
        self.status = message["status"]
        await self._send(message)
        if self.method == "HEAD" or self.status == HTTPStatus.NOT_MODIFIED:
            self._is_complete = True
            await self._send({"type": "http.response.body", "body": b""})

    async def _end_session(self, status: int) -> None:
        """Commit before sending a successful response; if the commit fails, send the error."""
        try:
            await close_request_session(self.scope, commit=status < HTTPStatus.BAD_REQUEST)
        except HANDLED_EXCEPTIONS as error:
            self.refusal = as_problem(error)
            raise

    async def handle_exception(self, error: Exception) -> None:
        """Return 500 for unexpected exceptions, with the default headers and the request ID in the log."""
        if self.refusal:
            return  # failed because the rest of the body was withheld
        if self.status or not isinstance(error, OUTAGES):
            logger.error("failed: %s", self.id, exc_info=error)
        if self.status:
            raise error  # the response has started: the server can only close the connection
        await self._answer_error(error)

    async def _answer_error(self, error: Exception) -> None:
        """Send the response of the app's exception handler."""
        # A mounted application has put itself into the scope: errors are answered by the one that mounts.
        request = Request({**self.scope, "app": self.application})
        kinds = (*OUTAGES, Problem, Exception)
        handler = self.application.exception_handlers[next(kind for kind in kinds if isinstance(error, kind))]
        response: Response = await handler(request, error)
        await response(self.scope, self._receive, self.send)

    async def finish(self) -> None:
        """Release the slot, send a pending error, and log the request without tokens."""
        await close_request_session(self.scope, commit=False)  # if no response has started
        if self.entered:
            self.rules.places.leave()
        refusal, self.refusal = self.refusal, None
        if refusal is _GONE:
            self.status = _GONE_STATUS
        elif refusal and not self.status:
            await self._answer_error(refusal)
        logger.log(
            logging.DEBUG if self.scope["state"].get("is_static_file") else logging.INFO,
            "%s %s %s %.1fms %s",
            self.method,
            _LONG_SEGMENT.sub("/*", self.scope["path"]).encode("unicode_escape").decode(),
            self.status or 500,
            (time.perf_counter() - self.started) * 1000,
            self.id,
        )


def assign_request_id(scope: Scope, headers: Headers) -> str:
    """Return the request ID sent by the client, or a new one."""
    sent = headers.get("x-request-id", "")
    found = sent if _SANE_ID.fullmatch(sent) else str(uuid7())
    scope.setdefault("state", {})["request_id"] = found
    return found


def content_too_large(limit: int) -> ContentTooLarge:
    """Return the error for an oversized body."""
    return ContentTooLarge(f"Maximum size: {limit} bytes.")
