"""ASGI middleware for all requests: request ID, log, security headers, limits, same-origin check."""

import asyncio
from collections.abc import Callable
from itertools import chain
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.concurrency import ConcurrencyLimit
from app.api.encoding import has_unsupported_charset
from app.api.lifespan_state import State
from app.api.page_size import page_settings
from app.api.request_cycle import LIVENESS_PATH, MiddlewareConfig, RequestResponseCycle
from app.api.response_headers import RequestHeaders, as_bytes, request_headers
from app.api.websockets import WebSocketCycle
from app.errors import Forbidden, HeadersTooLarge, Problem, UnsupportedCharset, URLTooLong
from app.settings.config import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
}
_PORTS = {"http": 80, "https": 443}
_HTTPS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}
HEADER_OVERHEAD = 32  # per header, as in HTTP/2, so that one limit covers both size and number (RFC 9113 §6.5.2)


class CrossSiteRequest(Forbidden):
    """A browser sent the request from another site."""

    title = "Cross-site request blocked"


class RequestMiddleware:
    """Middleware around all routes and mounted apps; only CORS, if it is enabled, is outside it.

    - Accept a valid `X-Request-ID` or generate one; return and log it.
    - Add security headers, including a content security policy without inline code or other hosts. Routes can set
      their own (the API docs and the admin do).
    - Reject URLs, headers and bodies over their limits, with or without `Content-Length`.
    - Handle `HEAD` like `GET`, without the body.
    - Reject forms and JSON that aren't UTF-8.
    - Limit concurrent requests; further requests wait in a queue and get 503 after a timeout. A request takes a slot
      only once its body has arrived, so slow clients don't block others.
    - Below a path (`BASE_URL=https://example.com/shop`), the app gets that path as its `root_path`.
    - Outside `/api`, reject cross-site unsafe requests and WebSockets (OWASP: Fetch Metadata, then Origin).
    """

    def __init__(self, app: ASGIApp, settings: Settings, open_state: Callable[[], State]) -> None:
        self.app, self.settings, self.open_state = app, settings, open_state
        server = settings.server
        headers = as_bytes(_HEADERS | _HTTPS_HEADERS if settings.secure_cookies else _HEADERS)
        concurrency = ConcurrencyLimit(server.max_concurrent_requests, server.queue_timeout.total_seconds())
        self.root_path = settings.root_path
        self.config = MiddlewareConfig(server.max_body_bytes, headers, concurrency, self.root_path + LIVENESS_PATH)
        self.page_settings = settings.api
        self.max_header_bytes = server.max_header_bytes
        self.is_https = settings.secure_cookies
        self.base_origin = parse_origin(str(settings.base_url))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if self.root_path and scope["type"] in {"http", "websocket"}:
            self._set_root_path(scope)
        if scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        page_settings.set(self.page_settings)
        headers = request_headers(scope)
        cycle = RequestResponseCycle(self.config, scope, headers, receive, send)
        try:
            if "database" not in scope["state"]:
                self._open_state(scope)
            cycle.rejection = self._reject(scope, headers)
            if not cycle.is_body_pending:
                await cycle.acquire_slot()
            if cycle.rejection is None:
                await self.app(cycle.scope, cycle.receive, cycle.send)
        except asyncio.CancelledError as error:
            await cycle.end_stream(error)
        except Exception as error:  # noqa: BLE001 - every request gets a response
            await cycle.handle_exception(error)
        finally:
            await cycle.finish()

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, rejection = request_headers(scope), self._reject_head(scope)
        if rejection is None and self._is_cross_site(scope, headers):
            rejection = CrossSiteRequest()
        cycle = WebSocketCycle(self.config, scope, headers, receive, send)
        if "database" not in scope["state"]:
            self._open_state(scope)
        await cycle.run(self.app, rejection)

    def _open_state(self, scope: Scope) -> None:
        """Open the database and other resources if the server runs no lifespan."""
        scope["state"]["settings"] = self.settings  # error handlers need them, even if the next line fails
        scope["state"].update(self.open_state())

    def _set_root_path(self, scope: Scope) -> None:
        """Add the path of `BASE_URL` if the proxy stripped it."""
        if not f"{scope['path']}/".startswith(f"{self.root_path}/"):
            scope["path"] = self.root_path + scope["path"]
            scope["raw_path"] = self.root_path.encode() + (scope.get("raw_path") or b"")
        scope["root_path"] = self.root_path

    def _reject(self, scope: Scope, headers: RequestHeaders) -> Problem | None:
        if rejection := self._reject_head(scope):
            return rejection
        if scope["method"] in SAFE_METHODS:
            return None
        if has_unsupported_charset(headers.get(b"content-type", b"").decode("latin-1")):
            return UnsupportedCharset()
        return CrossSiteRequest() if self._is_cross_site(scope, headers) else None

    def _reject_head(self, scope: Scope) -> Problem | None:
        """Reject oversized headers, for servers that don't; the bundled one does so while reading."""
        size = len(scope["path"]) + len(scope["query_string"])
        if size > self.max_header_bytes:
            return URLTooLong(f"At most {self.max_header_bytes} bytes.")
        headers = scope["headers"]
        size += sum(map(len, chain.from_iterable(headers))) + HEADER_OVERHEAD * len(headers)
        if size > self.max_header_bytes:
            return HeadersTooLarge(f"At most {self.max_header_bytes} bytes, with {HEADER_OVERHEAD} for each header.")
        return None

    def _is_cross_site(self, scope: Scope, headers: RequestHeaders) -> bool:
        """Return whether a browser sent this request from another site; clients without these headers are allowed.

        Any site can call the API, which reads no cookie but that of app/accounts/api/refresh_cookie.py, which checks
        the origin. The forms' CSRF tokens are a second layer of defense.
        https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
        """
        if scope["path"].startswith(f"{self.root_path}/api/"):
            return False
        site = headers.get(b"sec-fetch-site")
        if site is not None:
            return site not in {b"same-origin", b"none"}
        source = headers.get(b"origin", headers.get(b"referer"))
        if source is None:
            return False
        # A WebSocket's origin is that of its page. A site with an HTTPS URL has no pages over HTTP.
        scheme = "https" if self.is_https else scope["scheme"].replace("ws", "http")
        own = parse_origin(f"{scheme}://{headers.get(b'host', b'').decode('latin-1')}")
        return parse_origin(source.decode("latin-1")) not in {self.base_origin, own} - {None}


def parse_origin(url: str) -> tuple[str, str, int] | None:
    """Return the origin of a URL: scheme, host and port (RFC 6454 §4). None if the URL has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None
