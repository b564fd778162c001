"""What surrounds every request, as one pure-ASGI middleware: id, log line, headers, limits, same origin."""

import asyncio
import logging
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from app.errors import ContentTooLarge, Forbidden, Problem, Unavailable
from app.settings import Settings

logger = logging.getLogger("app.requests")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ALIVE = "/health/live"  # a server that is only busy must not be killed

STRICT_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

# Of a path. The token of a mailed link has 43 characters, an id 36.
_LONG_SEGMENT = re.compile(r"/[^/]{40,}")

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": STRICT_POLICY,
    "Cache-Control": "no-store",
}
_HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


class CrossSiteRequest(Forbidden):
    """A page of another site sent this request, with the person's cookies."""

    title = "Cross-site request refused"


class RequestBoundary:
    """Guard and dress each request.

    - An `X-Request-ID` that the caller sent is kept when it is sane, else one is made; it is answered and logged.
    - Security headers, with a content security policy that allows no inline code and no other host. A route
      that needs another policy sets the header itself (the API documentation does, the admin does).
    - A body over the limit is refused, whether its length is announced or not.
    - When many requests are being answered, one more waits until some are done, and is sent away when that takes
      too long: if all went on at once, all would be late. It counts from when its body is there, so that slow senders
      keep nobody out.
    - An unsafe request outside `/api` must come from our own pages (OWASP: Fetch Metadata, then Origin).
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.max_body_bytes = settings.server.max_body_bytes
        self.places = _Places(settings.server.max_requests, settings.server.longest_wait.total_seconds())
        self.base_host = urlsplit(str(settings.base_url)).netloc
        self.headers = Headers(_HEADERS | _HTTPS_ONLY if settings.secure_cookies else _HEADERS).raw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = _Exchange(self, scope, headers, receive, send)
        try:
            exchange.refusal = self._refusal(scope, headers)
            if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
                await exchange.enter()
            if exchange.refusal is None:
                await self.app(scope, exchange.receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            await self._answer_bug(exchange, error)
        finally:
            await exchange.finish()

    async def _answer_bug(self, exchange: "_Exchange", error: Exception) -> None:
        """Answer a bug here, where our headers are added and the log knows the request's id."""
        if exchange.refusal:
            return  # whatever failed, failed because we withheld the rest of the body
        logger.error("failed: %s", exchange.id, exc_info=error)
        if exchange.status:
            raise error  # the response has begun: the server can only cut the connection
        await exchange.answer_error(error)

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.max_body_bytes:
            return _too_large(self.max_body_bytes)
        if scope["method"] in SAFE_METHODS or scope["path"].startswith("/api/"):
            return None  # the API reads no cookie
        return None if self._same_origin(headers) else CrossSiteRequest()

    def _same_origin(self, headers: Headers) -> bool:
        """Tell whether a browser sent this from our own page; clients without any of the headers pass.

        The CSRF token of the form is the second layer. https://cheatsheetseries.owasp.org (CSRF Prevention)
        """
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        source = headers.get("origin") or headers.get("referer")
        if source is None:
            return True
        return urlsplit(source).netloc in {self.base_host, headers.get("host", "")}


class _Places:
    """Room for so many requests; ten times as many may wait for it."""

    def __init__(self, places: int, longest_wait: float) -> None:
        self._free = asyncio.Semaphore(places)
        self._waiting, self._max_waiting = 0, 10 * places
        self._longest_wait = longest_wait

    @property
    def are_taken(self) -> bool:
        """Tell whether one more has to wait."""
        return self._free.locked()

    async def take(self) -> bool:
        """Wait for a place, and tell whether there was one in time."""
        if not self.are_taken:
            return await self._free.acquire()
        if self._waiting >= self._max_waiting:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(self._longest_wait):
                return await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    def leave(self) -> None:
        """Let in who has waited longest."""
        self._free.release()


class _Exchange:
    """One request and its response, as they pass."""

    def __init__(self, boundary: RequestBoundary, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        self.boundary = boundary
        self.scope, self._receive, self._send = scope, receive, send
        self.application = scope["app"]  # kept, for a mounted application puts itself there
        self.left, self.entered = boundary.max_body_bytes, False
        self._kept: list[Message] = []
        self.refusal: Problem | None = None
        """What is answered instead of what the application says."""
        self.started, self.status = time.perf_counter(), 0
        sent = headers.get("x-request-id", "")
        self.id = sent if _SANE_ID.fullmatch(sent) else str(uuid7())
        scope.setdefault("state", {})["request_id"] = self.id

    async def enter(self) -> None:
        """Wait for a place among the requests that are being answered."""
        if self.entered or self.refusal or self.scope["path"] == _ALIVE:
            return
        waits = self.boundary.places.are_taken
        self.entered = await self.boundary.places.take()
        if not self.entered or (waits and await self._has_hung_up()):
            self.refusal = Unavailable("Too many requests are being answered.")

    async def _has_hung_up(self) -> bool:
        """Tell whether nobody waits for the answer any more: after a rush, those who come now shall be next."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                while (message := await self._receive())["type"] != "http.disconnect":
                    self._kept.append(message)
                return True
        return False

    async def receive(self) -> Message:
        """Pass a piece of the body on, or hang up when the pieces add up to more than the limit."""
        if self._kept:
            return self._kept.pop(0)
        message = await self._receive()
        self.left -= len(message.get("body", b""))
        if self.left < 0:
            self.refusal = _too_large(self.boundary.max_body_bytes)
        elif message["type"] == "http.request" and not message.get("more_body"):
            await self.enter()
        return {"type": "http.disconnect"} if self.refusal else message

    async def send(self, message: Message) -> None:
        """Add our headers to the response's; drop the response to a request that is refused."""
        if self.refusal and not self.status:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._with_ours(message["headers"])
        await self._send(message)

    async def answer_error(self, error: Exception) -> None:
        """Send what the application answers to this error."""
        # A mounted application has put itself into the scope: errors are answered by the one that mounts.
        request = Request({**self.scope, "app": self.application})
        handler = self.application.exception_handlers[Problem if isinstance(error, Problem) else Exception]
        response: Response = await handler(request, error)
        await response(self.scope, self._receive, self.send)

    async def finish(self) -> None:
        """Make room, refuse what is refused, and write the line of this request, without what may be a token."""
        if self.entered:
            self.boundary.places.leave()
        refusal, self.refusal = self.refusal, None
        if refusal and not self.status:
            await self.answer_error(refusal)
        logger.info(
            "%s %s %s %.1fms %s",
            self.scope["method"],
            _LONG_SEGMENT.sub("/*", self.scope["path"]).encode("unicode_escape").decode(),
            self.status or 500,
            (time.perf_counter() - self.started) * 1000,
            self.id,
        )

    def _with_ours(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Add what the application did not set itself."""
        theirs = [header for header in headers if header[0] != b"x-request-id"]
        known = {name for name, _ in theirs}
        added = [header for header in self.boundary.headers if header[0] not in known]
        return [*theirs, *added, (b"x-request-id", self.id.encode())]


def _too_large(limit: int) -> ContentTooLarge:
    return ContentTooLarge(f"At most {limit} bytes.")
