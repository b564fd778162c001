"""Default response headers and 304 Not Modified."""

import re
from collections.abc import Mapping

from starlette.datastructures import URL, Headers
from starlette.types import Message, Scope

Header = tuple[bytes, bytes]

RequestHeaders = Mapping[bytes, bytes]
"""Headers by lower-case name: of a request, the first value of each, as with Starlette's `Headers`, which is slower."""

_TAG = re.compile(r'"[^"]*"')  # without `W/`, which a weak comparison ignores
_BODY_HEADERS = frozenset({b"content-length", b"content-type"})


def request_headers(scope: Scope) -> RequestHeaders:
    """Return the headers of a request."""
    return dict(reversed(scope["headers"]))


def as_bytes(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return headers as they are sent."""
    return dict(Headers(headers).raw)


def finalize_headers(
    message: Message, scope: Scope, request: RequestHeaders, defaults: Mapping[bytes, bytes]
) -> RequestHeaders:
    """Add default headers that the application didn't set, and turn 200 into 304 if the client has this version.

    Return the headers that it set, except `X-Request-ID`.
    """
    headers = message["headers"]
    own = dict(headers)
    if b"location" in own or own.pop(b"x-request-id", None):
        headers = [_without_host(header, scope) for header in headers if header[0] != b"x-request-id"]
    if message["status"] == 200 and b"etag" in own and _matches(scope, request, own[b"etag"]):  # noqa: PLR2004
        message["status"] = 304
        headers = [header for header in headers if header[0] not in _BODY_HEADERS]
    missing = defaults if own.keys().isdisjoint(defaults) else {name: defaults[name] for name in defaults.keys() - own}
    message["headers"] = [*headers, *missing.items()]
    return own


def _matches(scope: Scope, request: RequestHeaders, etag: bytes) -> bool:
    """Return whether the `If-None-Match` of a GET request matches this ETag (RFC 9110 §13.1.2)."""
    if scope["method"] != "GET" or b"if-none-match" not in request:
        return False
    sent = ",".join(Headers(scope=scope).getlist("if-none-match"))
    return sent.strip() == "*" or etag.decode("latin-1").removeprefix("W/") in _TAG.findall(sent)


def _without_host(header: Header, scope: Scope) -> Header:
    """Make a same-site `Location` relative: Starlette builds redirects from the `Host` header, which can be forged."""
    name, value = header
    if name != b"location":
        return header
    site = str(URL(scope={**scope, "path": "", "query_string": b""})).encode()
    return (name, b"/" + value[len(site) :].lstrip(b"/")) if value.startswith(site + b"/") else header
