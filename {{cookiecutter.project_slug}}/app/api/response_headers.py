"""Default response headers and 304 Not Modified."""

import re
from collections.abc import Sequence

from starlette.datastructures import URL, Headers
from starlette.types import Message, Scope

Header = tuple[bytes, bytes]

_TAG = re.compile(r'"[^"]*"')  # without `W/`, which a weak comparison ignores
_BODY_HEADERS = frozenset({b"content-length", b"content-type"})


def finalize_headers(message: Message, scope: Scope, request: Headers, defaults: Sequence[Header]) -> None:
    """Add default headers that the application didn't set, and turn 200 into 304 if the client has this version."""
    headers = [_without_host(header, scope) for header in message["headers"] if header[0] != b"x-request-id"]
    own = dict(headers)
    if message["status"] == 200 and scope["method"] == "GET" and _matches(request, own.get(b"etag")):  # noqa: PLR2004
        message["status"] = 304
        headers = [header for header in headers if header[0] not in _BODY_HEADERS]
    message["headers"] = [*headers, *(header for header in defaults if header[0] not in own)]


def _matches(request: Headers, etag: bytes | None) -> bool:
    """Return whether `If-None-Match` matches this ETag (RFC 9110 §13.1.2)."""
    if etag is None or "if-none-match" not in request:
        return False
    sent = ",".join(request.getlist("if-none-match"))
    return sent.strip() == "*" or etag.decode("latin-1").removeprefix("W/") in _TAG.findall(sent)


def _without_host(header: Header, scope: Scope) -> Header:
    """Make a same-site `Location` relative: Starlette builds redirects from the `Host` header, which can be forged."""
    name, value = header
    if name != b"location":
        return header
    site = str(URL(scope={**scope, "path": "", "query_string": b""})).encode()
    return (name, b"/" + value[len(site) :].lstrip(b"/")) if value.startswith(site + b"/") else header
