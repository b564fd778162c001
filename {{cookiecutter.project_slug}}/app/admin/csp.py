"""Content security policy of the admin, with nonces for the library's inline scripts."""

import re
import secrets
from importlib import import_module
from typing import Any

from jinja2.ext import Extension
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.admin.urls import CachedURLRouter
from app.settings.config import Settings

_flash: Any = import_module("starlette_admin.flash")  # the package has a function of this name

# Scripts and style sheets are ours, or carry the nonce of this answer; attributes may style, but not run.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

INLINE_HANDLERS = {
    'onclick="applyColumnVisibility()"': 'data-admin="apply-columns"',
    'onchange="window.location = this.value"': 'data-admin="go-to"',
}

VALUE_FIXES = {
    # Without a value, browsers send the text of an option with its blanks collapsed.
    '<option selected="selected">{{ value }}': '<option selected="selected" value="{{ value }}">{{ value }}',
    "#{{ row.pk }}": "{{ row.obj._meta.repr if row.obj._meta else row.pk }}",
}
"""What names a row, or is sent for it."""

ARIA_FIXES = {
    '<div class="page-wrapper">': '<div class="page-wrapper" role="main" id="content" tabindex="-1">',
    # The title is empty where there is only a question.
    'aria-labelledby="modal-action-title"': 'aria-labelledby="modal-action-title actionConfirmation"',
}
"""What tells people who do not see the page where they are."""


class NonceExtension(Extension):
    """Patch the library's templates on load: add nonces and landmarks, remove inline event handlers.

    What the attributes did is done by `static/admin.js`. A test looks for what an upgrade may add.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Return the template's source as it should have been."""
        for written, meant in {**INLINE_HANDLERS, **VALUE_FIXES, **ARIA_FIXES}.items():
            source = source.replace(written, meant)
        # `trim_blocks` takes the line end that parts this attribute from the next.
        source = source.replace("multiple{% endif %}\n", "multiple {% endif %}\n")
        return re.sub(r"<(script|style)(?=[\s>])", r'<\1 nonce="{{ request.state.csp_nonce }}"', source)


class AdminMiddleware:
    """Stand around the admin: give each request its nonce, and each answer the policy that names it.

    The library's app gets a copy of the scope. It would write itself into it, and what it raises is answered
    outside, by the error pages of the project. The copy names no host, so that the links of the pages are paths:
    the `Host` of a request is what the client or a proxy makes of it.
    """

    def __init__(self, app: ASGIApp, addresses: CachedURLRouter, settings: Settings) -> None:
        self.app, self.addresses, self.is_https = app, addresses, settings.secure_cookies
        _flash._FLASH_COOKIE = f"{settings.cookie_prefix.removeprefix('__Host-')}admin-notice"  # noqa: SLF001

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        if b"%00" in scope.get("query_string", b""):
            raise HTTPException(400)  # no text that a database can store
        nonce = scope["state"]["csp_nonce"] = secrets.token_urlsafe(16)

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(nonce=nonce)
                message["headers"] = [self._secured(header) for header in message["headers"]]
            await send(message)

        headers = [header for header in scope["headers"] if header[0] != b"host"]
        copy = {**scope, "router": self.addresses, "headers": headers, "server": None}
        await self.app(copy, receive, send_framed)

    def _secured(self, header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        """Mark the cookie of the library's notices as `Secure`: it does so by the scheme of the request's URL."""
        name, value = header
        is_notice = name == b"set-cookie" and value.startswith(_flash._FLASH_COOKIE.encode())  # noqa: SLF001
        return (name, value + b"; Secure") if is_notice and self.is_https else header
