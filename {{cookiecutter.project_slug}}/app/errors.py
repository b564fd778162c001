"""Errors as problem details (RFC 9457).

    Problem
    ├── InvalidRequest      422   a value is missing or invalid
    ├── Unauthorized        401   not authenticated
    ├── Forbidden           403   authenticated, but not permitted
    ├── NotFound            404   doesn't exist, or isn't visible to the caller
    ├── Conflict            409   valid, but conflicts with the current state
    ├── VersionConflict     412   modified since the caller read it
    ├── ContentTooLarge     413   body over the limit
    ├── URLTooLong          414   URL over the limit
    ├── UnsupportedCharset  415   body is not UTF-8
    ├── TooManyRequests     429   rate limit exceeded
    ├── HeadersTooLarge     431   headers over the limit
    └── Unavailable         503   try again later

Features define subclasses next to the functions that raise them. Raising one rolls the transaction back.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Any, ClassVar


class Problem(Exception):
    """An expected error that is returned to the caller (RFC 9457 problem details)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    title: ClassVar[str] = "Internal server error"
    headers: Mapping[str, str] = {}
    """Response headers of this problem."""

    def __init__(self, detail: str | None = None, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = errors

    @classmethod
    def type(cls) -> str:
        """Return the stable problem type."""
        return f"urn:problem:{cls.__name__}"


class InvalidRequest(Problem):
    """A value is missing or invalid; `errors` lists which."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "Invalid request"


class Unauthorized(Problem):
    """The request is not authenticated."""

    status = HTTPStatus.UNAUTHORIZED
    title = "Unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class Forbidden(Problem):
    """The caller doesn't have permission."""

    status = HTTPStatus.FORBIDDEN
    title = "Forbidden"


class NotFound(Problem):
    """The resource doesn't exist or isn't visible to the caller."""

    status = HTTPStatus.NOT_FOUND
    title = "Not found"


class Conflict(Problem):
    """The request conflicts with the current state."""

    status = HTTPStatus.CONFLICT
    title = "Conflict"


class Taken(Conflict):
    """A unique value, or a unique combination of values, is already in use; `errors` names the fields."""

    field: ClassVar[str | tuple[str, ...]]

    def __init__(self) -> None:
        fields = (self.field,) if isinstance(self.field, str) else self.field
        super().__init__(errors=[{"loc": ("body", name), "msg": self.title, "type": "taken"} for name in fields])


class StillReferenced(Conflict):
    """A foreign key prevents the change: other rows refer to this one, or it refers to a deleted row."""

    title = "A reference between records prevents this"

    def __init__(self, detail: str | None = None, row: object = None) -> None:
        super().__init__(detail)
        self.row = row


class VersionConflict(Problem):
    """The row was modified since the caller read it."""

    status = HTTPStatus.PRECONDITION_FAILED
    title = "Modified since you last read it"


class ContentTooLarge(Problem):
    """The body exceeds `SERVER_MAX_BODY_BYTES`."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = "Content too large"


class URLTooLong(Problem):
    """The URL exceeds `SERVER_MAX_HEADER_BYTES`."""

    status = HTTPStatus.REQUEST_URI_TOO_LONG
    title = "URL too long"


class HeadersTooLarge(Problem):
    """Request line and headers exceed `SERVER_MAX_HEADER_BYTES`."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    title = "Request headers too large"


class UnsupportedCharset(Problem):
    """The `Content-Type` of a form or of JSON declares a charset other than UTF-8."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = "Unsupported charset: send UTF-8"


class TooManyRequests(Problem):
    """The caller exceeded a rate limit; `Retry-After` says when to retry."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    title = "Too many requests"

    def __init__(self, retry_after: timedelta) -> None:
        seconds = max(1, ceil(retry_after.total_seconds()))
        super().__init__(f"Try again in {seconds} second{'' if seconds == 1 else 's'}.")
        self.headers = {"Retry-After": str(seconds)}


class Unavailable(Problem):
    """The server is temporarily unable to handle the request."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Unavailable"
    headers: Mapping[str, str] = {"Retry-After": "1"}
