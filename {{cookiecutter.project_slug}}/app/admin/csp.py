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
from app.i18n import gettext_noop
from app.settings.config import Settings

_flash: Any = import_module("starlette_admin.flash")  # the package has a function of this name

# Scripts and style sheets must be from this site or have the nonce of the response. Style attributes are allowed.
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
    # A search keeps the selected columns, but doesn't select the ones that are shown first.
    "{% if list_params.visible_cols is not none %}": "{% if request.query_params.cols %}",
    "{{ list_params.visible_cols | join(',') }}": "{{ request.query_params.cols }}",
    # Without a value, browsers send the text of an option with its blanks collapsed.
    '<option selected="selected">{{ value }}': '<option selected="selected" value="{{ value }}">{{ value }}',
    "#{{ row.pk }}": "{{ row.obj._meta.repr if row.obj._meta else row.pk }}",
}
"""Fixes for the values and the labels of rows."""

_PREVIEW_TABLE = '<div class="table-responsive"{}>\n                <table class="table table-sm table-bordered">'
ARIA_FIXES = {
    '<div class="page-wrapper">': '<div class="page-wrapper" role="main" id="content" tabindex="-1">',
    # The title is empty if there is only a question.
    'aria-labelledby="modal-action-title"': 'aria-labelledby="modal-action-title actionConfirmation"',
    # The tables of an import's preview, which can be too wide for a phone: the keyboard scrolls them.
    _PREVIEW_TABLE.format(""): _PREVIEW_TABLE.format(' tabindex="0"'),
}
"""Landmarks and labels for screen readers."""

_CLAUSE_ERRORS = gettext_noop(", {count} error(s). Nothing is imported until all rows are valid")
LAYOUT_FIXES = {
    # The preview of an import; a full stop follows.
    '_(", {count} error(s)")': f'_("{_CLAUSE_ERRORS}")',
    # Aligned with the left side of its button; otherwise it would cover the menu.
    '<div class="dropdown-menu dropdown-menu-end p-3"': '<div class="dropdown-menu p-3"',
}


class NonceExtension(Extension):
    """Patch the library's templates on load: add nonces and landmarks, remove inline event handlers.

    `static/admin.js` replaces the event handlers. A test detects new ones after an upgrade of the library.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Return the patched source of a template."""
        for original, fixed in {**INLINE_HANDLERS, **VALUE_FIXES, **ARIA_FIXES, **LAYOUT_FIXES}.items():
            source = source.replace(original, fixed)
        # `trim_blocks` removes the line end between this attribute and the next.
        source = source.replace("multiple{% endif %}\n", "multiple {% endif %}\n")
        return re.sub(r"<(script|style)(?=[\s>])", r'<\1 nonce="{{ request.state.csp_nonce }}"', source)


class AdminMiddleware:
    """Middleware around the admin: a nonce for each request, and the content security policy of the response.

    The library's app gets a copy of the scope, because it stores itself in the scope, and the project's error pages,
    which handle its exceptions, need the original. The copy has no host, so that links are paths: the `Host` header
    can't be trusted.
    """

    def __init__(self, app: ASGIApp, url_router: CachedURLRouter, settings: Settings) -> None:
        self.app, self.url_router, self.is_https = app, url_router, settings.secure_cookies
        _flash._FLASH_COOKIE = f"{settings.cookie_prefix.removeprefix('__Host-')}admin-notice"  # noqa: SLF001

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        if b"%00" in scope.get("query_string", b""):
            raise HTTPException(400)  # databases can't store NUL
        nonce = scope["state"]["csp_nonce"] = secrets.token_urlsafe(16)

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = CONTENT_SECURITY_POLICY.format(nonce=nonce)
                MutableHeaders(scope=message).setdefault("Content-Security-Policy", policy)  # files have their own
                message["headers"] = [self._secured(header) for header in message["headers"]]
            await send(message)

        headers = [header for header in scope["headers"] if header[0] != b"host"]
        copy = {**scope, "router": self.url_router, "headers": headers, "server": None}
        await self.app(copy, receive, send_with_policy)

    def _secured(self, header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        """Mark the cookie of flash messages as `Secure`; the library does so only if the request's URL is HTTPS."""
        name, value = header
        is_flash = name == b"set-cookie" and value.startswith(_flash._FLASH_COOKIE.encode())  # noqa: SLF001
        return (name, value + b"; Secure") if is_flash and self.is_https else header
