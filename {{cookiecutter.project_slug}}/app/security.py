"""What surrounds every request, as one pure-ASGI middleware: id, log line, headers, limits, same origin."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.encoding import names_other_charset
from app.errors import Forbidden, Problem, UnsupportedCharset
from app.exchange import Exchange, Places, Rules, too_large
from app.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

STRICT_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

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
    - A body over the limit is refused, whether its length is announced or not; so is a form that is not UTF-8.
    - When many requests are being answered, one more waits until some are done, and is sent away when that takes
      too long: if all went on at once, all would be late. It counts from when its body is there, so that slow senders
      keep nobody out.
    - An unsafe request outside `/api` must come from our own pages (OWASP: Fetch Metadata, then Origin).
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        server = settings.server
        added = Headers(_HEADERS | _HTTPS_ONLY if settings.secure_cookies else _HEADERS).raw
        places = Places(server.max_requests, server.longest_wait.total_seconds())
        self.rules = Rules(server.max_body_bytes, added, places)
        self.base_host = urlsplit(str(settings.base_url)).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = Exchange(self.rules, scope, headers, receive, send)
        try:
            exchange.refusal = self._refusal(scope, headers)
            if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
                await exchange.enter()
            if exchange.refusal is None:
                await self.app(scope, exchange.receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            await exchange.answer_bug(error)
        finally:
            await exchange.finish()

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.rules.max_body_bytes:
            return too_large(self.rules.max_body_bytes)
        if scope["method"] in SAFE_METHODS:
            return None
        if names_other_charset(headers.get("content-type", "")):
            return UnsupportedCharset()
        if scope["path"].startswith("/api/"):
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
