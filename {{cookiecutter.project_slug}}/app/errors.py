"""Errors as problem documents (RFC 9457): one base class, one shape on the wire.

    Problem
    ├── InvalidRequest      422   a value is wrong
    ├── Unauthorized        401   the caller is not known
    ├── Forbidden           403   the caller is known and may not
    ├── NotFound            404   absent, or not the caller's to see
    ├── Conflict            409   well formed, but the state does not allow it
    ├── VersionConflict     412   changed by someone else since it was read
    ├── ContentTooLarge     413   the body is longer than the limit
    ├── URLTooLong          414   the URL is longer than the limit
    ├── UnsupportedCharset  415   the body is not UTF-8
    ├── TooManyRequests     429   tried too often
    ├── HeadersTooLarge     431   the headers are longer than the limit
    └── Unavailable         503   try again later

A feature subclasses the kind it needs, beside the function that raises it. Raising rolls the request back.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from app import outages
from app.allowed import allowed_methods
from app.database import breaks_reference

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A failure that the caller should hear about."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    title: ClassVar[str] = "Internal server error"
    headers: Mapping[str, str] = {}
    """Sent with the document: by every problem of a class, unless one has its own."""

    def __init__(self, detail: str | None = None, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = errors

    @classmethod
    def type(cls) -> str:
        """Return the stable name of this kind of problem."""
        return f"urn:problem:{cls.__name__}"


class InvalidRequest(Problem):
    """A value is missing or wrong; `errors` says which."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "Invalid request"


class Unauthorized(Problem):
    """The caller is not known."""

    status = HTTPStatus.UNAUTHORIZED
    title = "Unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status = HTTPStatus.FORBIDDEN
    title = "Forbidden"


class NotFound(Problem):
    """Nothing is there, or it is not the caller's to see."""

    status = HTTPStatus.NOT_FOUND
    title = "Not found"


class Conflict(Problem):
    """The request is well formed, but the current state does not allow it."""

    status = HTTPStatus.CONFLICT
    title = "Conflict"


class Taken(Conflict):
    """Another row has the value of a field that is unique; `errors` says which field."""

    field: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(errors=[{"loc": ("body", self.field), "msg": self.title, "type": "taken"}])


class StillReferred(Conflict):
    """Rows still refer to the row that would be deleted, or it refers to one that was just deleted."""

    title = "Something else still refers to this"

    def __init__(self, detail: str | None = None, row: object = None) -> None:
        super().__init__(detail)
        self.row = row


class VersionConflict(Problem):
    """Someone else changed the row since it was read."""

    status = HTTPStatus.PRECONDITION_FAILED
    title = "Changed since you read it"


class ContentTooLarge(Problem):
    """The body is longer than `SERVER_MAX_BODY_BYTES`."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = "Content too large"


class URLTooLong(Problem):
    """The URL is longer than `SERVER_MAX_HEADER_BYTES`."""

    status = HTTPStatus.REQUEST_URI_TOO_LONG
    title = "URL too long"


class HeadersTooLarge(Problem):
    """The request line and the headers are longer than `SERVER_MAX_HEADER_BYTES`."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    title = "Headers too large"


class UnsupportedCharset(Problem):
    """The `Content-Type` of a form or of JSON names another encoding than UTF-8."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = "Forms and JSON must be UTF-8"


class TooManyRequests(Problem):
    """The caller tried too often, and is told when to come back."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    title = "Too many requests"

    def __init__(self, retry_after: timedelta) -> None:
        seconds = max(1, ceil(retry_after.total_seconds()))
        super().__init__(f"Try again in {seconds} seconds.")
        self.headers = {"Retry-After": str(seconds)}


class Unavailable(Problem):
    """The server cannot do this now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Unavailable"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class ProblemDocument(BaseModel):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    errors: list[dict[str, Any]] | None = None
    request_id: str | None = None
    """Of a 500: the log has the same `X-Request-ID`."""


def documented(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Describe the problems that a route may answer, for OpenAPI: `responses=documented(NoteNotFound)`."""
    by_status: dict[int | str, list[type[Problem]]] = defaultdict(list)
    for problem in problems:
        by_status[problem.status.value].append(problem)
    return {
        status: {
            "model": ProblemDocument,
            "description": " · ".join(kind.title for kind in kinds),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status, kinds in by_status.items()
    }


def as_problem(error: Exception) -> Problem | HTTPException:
    """Return the answer to an expected error; any other is raised again. Log an outage."""
    if isinstance(error, RequestValidationError):
        # FastAPI would echo the input, a password included.
        return InvalidRequest(errors=[{"loc": e["loc"], "msg": e["msg"], "type": e["type"]} for e in error.errors()])
    if isinstance(error, HTTPException) and isinstance(error.__cause__, UnicodeError | RecursionError):
        # FastAPI calls JSON invalid when it is misspelled, but not when it is no UTF-8 or too deep.
        return InvalidRequest("The body cannot be read.")
    if isinstance(error, StaleDataError):
        return VersionConflict()
    if isinstance(error, IntegrityError):
        if not breaks_reference(error):
            raise error
        return StillReferred()
    if isinstance(error, outages.OUTAGES):
        outages.report(error)
        return Unavailable(outages.reason_of(error))
    if isinstance(error, Unavailable) and error.__cause__:
        outages.report(error.__cause__)
    assert isinstance(error, Problem | HTTPException)  # noqa: S101 - no other kind is registered
    return error


def problem_response(request: Request, error: Exception) -> JSONResponse:
    """Answer an error with its problem document."""
    return write_problem(request, as_problem(error))


def write_problem(request: Request, problem: Problem | HTTPException) -> JSONResponse:
    """Write the document of a problem."""
    if isinstance(problem, HTTPException):
        document = ProblemDocument(
            type="about:blank",
            title=HTTPStatus(problem.status_code).phrase,
            status=problem.status_code,
        )
    else:
        document = ProblemDocument(
            type=problem.type(), title=problem.title, status=problem.status, detail=problem.detail
        )
        document.errors = [dict(item) for item in problem.errors] or None
    document.instance = request.url.path
    if document.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        document.request_id = request.state.request_id
    content = document.model_dump(mode="json", exclude_none=True)
    return JSONResponse(content, document.status, headers_of(request, problem), MEDIA_TYPE)


def headers_of(request: Request, problem: Problem | HTTPException) -> Mapping[str, str]:
    """Return the headers of an error. `Allow` lists every method of the path; Starlette lists those of one route."""
    headers = problem.headers or {}
    return {"Allow": allowed_methods(request) or headers["Allow"]} if "Allow" in headers else headers


async def _answer(request: Request, error: Exception) -> JSONResponse:
    return problem_response(request, error)


HANDLED: tuple[type[Exception], ...] = (
    Problem,
    RequestValidationError,
    StaleDataError,
    IntegrityError,
    *outages.OUTAGES,
    HTTPException,
)


def register_error_handlers(app: FastAPI) -> None:
    """Answer every expected failure of `app` with a problem document; any other is a bug, and a 500."""
    for kind in HANDLED:
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer_bug(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - logged in app/security.py
    return problem_response(request, Problem())
