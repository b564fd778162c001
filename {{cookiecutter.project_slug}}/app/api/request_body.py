"""Limits of request bodies, and what the application doesn't read of them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from starlette.types import Receive, Scope

from app.api.response_headers import RequestHeaders

F = TypeVar("F", bound=Callable[..., Any])

MAX_DISCARDED_BYTES = 16 * 1024 * 1024
DISCARD_SECONDS = 5
_max_bytes: dict[object, int] = {}


def allow_body(max_bytes: int) -> Callable[[F], F]:
    """Set the maximum size of request bodies of a route, instead of SERVER_MAX_BODY_BYTES. Decorate its function.

    For a route of a library, set `request.state.max_body_bytes` before the body is read.
    """

    def decorate(endpoint: F) -> F:
        _max_bytes[endpoint] = max_bytes
        return endpoint

    return decorate


def body_limit(scope: Scope, default: int) -> int:
    """Return the maximum size of the body, once the request is routed."""
    limit: int = scope["state"].get("max_body_bytes") or _max_bytes.get(scope.get("endpoint"), default)
    return limit


def has_body(scope: Scope, headers: RequestHeaders) -> bool:
    """Return whether the request may have a body; in HTTP/2, one without `Content-Length` isn't announced."""
    if b"content-length" in headers:
        return headers[b"content-length"] != b"0"
    is_http1 = scope.get("http_version", "1.1") in {"1.0", "1.1"}
    return b"transfer-encoding" in headers or not (is_http1 or scope["method"] in {"GET", "HEAD", "OPTIONS"})


async def discard_body(receive: Receive, headers: RequestHeaders) -> None:
    """Receive and drop the rest of the body before the response, within limits, similar to nginx's `lingering_close`.

    Otherwise, servers close the connection or the HTTP/2 stream while clients are still sending, and these report that
    instead of the response.
    """
    if b"expect" in headers:
        return  # the client waits for `100 Continue` before it sends the body
    size, is_pending = 0, True
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            while is_pending and size < MAX_DISCARDED_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                is_pending = message.get("more_body", False)
