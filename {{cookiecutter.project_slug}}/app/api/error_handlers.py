"""Exception handlers: errors become problem documents (RFC 9457)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from typing_extensions import TypedDict

from app.api.dependencies import close_request_session
from app.database import outages
from app.database.constraints import violates_foreign_key
from app.errors import InvalidRequest, Problem, StillReferenced, Unavailable, VersionConflict

MEDIA_TYPE = "application/problem+json"


class InvalidValue(TypedDict):
    """A value that was rejected; some errors have more members."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    loc: Annotated[Sequence[str | int], Field(examples=[["body", "title"]])]
    """Where it is: `body`, `query`, `path` or `header`, then field names and list positions."""
    msg: Annotated[str, Field(examples=["String should have at least 1 character"])]
    """Why it was rejected."""
    type: Annotated[str, Field(examples=["string_too_short"])]
    """The kind of error."""


class ProblemDetails(BaseModel):
    """Body of every error response (RFC 9457)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str = Field(examples=["urn:problem:VersionConflict"])
    """The kind of problem; stable."""
    title: str = Field(examples=["Modified since you last read it"])
    """The problem in a few words; the same for each problem of this type."""
    status: int = Field(json_schema_extra={"minimum": 400, "maximum": 599}, examples=[412])
    """The HTTP status."""
    detail: str | SkipJsonSchema[None] = None
    """What happened in this case, or how to resolve it."""
    instance: str | SkipJsonSchema[None] = Field(default=None, examples=["/api/v1/notes"])
    """Path of the request."""
    errors: list[InvalidValue] | SkipJsonSchema[None] = None
    """The values that were rejected."""
    request_id: str | SkipJsonSchema[None] = None
    """Only for status 500; matches `X-Request-ID` and the log."""

    @property
    def messages(self) -> dict[str, list[str]]:
        """Return the messages of the invalid fields, by their names."""
        found = defaultdict[str, list[str]](list)
        for item in self.errors or ():
            name = next((part for part in reversed(item["loc"]) if isinstance(part, str)), "body")
            found[name].append(item["msg"])
        return dict(found)


class CustomErrorRoute(APIRoute):
    """Base class of routes whose errors aren't problem documents: `APIRouter(route_class=MemoRoute)`."""

    def error_response(self, problem: ProblemDetails) -> JSONResponse:
        """Return the response for an error of these routes; its headers are added."""
        raise NotImplementedError


def openapi_responses(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses for the problems that a route can raise: `responses=openapi_responses(NoteNotFound)`."""
    by_status: dict[int | str, list[type[Problem]]] = defaultdict(list)
    for problem in problems:
        by_status[problem.status.value].append(problem)
    return {
        status: {
            "description": " · ".join(problem.title for problem in same_status),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for status, same_status in by_status.items()
    }


def as_problem(error: Exception) -> Problem | HTTPException:
    """Convert an expected error to a problem; re-raise others. Log database outages."""
    if isinstance(error, RequestValidationError | WebSocketRequestValidationError):
        # Not FastAPI's own response, which would echo the input, including passwords.
        return InvalidRequest(errors=[{"loc": e["loc"], "msg": e["msg"], "type": e["type"]} for e in error.errors()])
    if isinstance(error, HTTPException) and isinstance(error.__cause__, UnicodeError | RecursionError):
        # FastAPI returns 422 for invalid JSON, but 400 for JSON that is not UTF-8 or nested too deeply.
        return InvalidRequest("The request body can't be decoded.")
    if isinstance(error, StaleDataError):
        return VersionConflict()
    if isinstance(error, IntegrityError):
        if not violates_foreign_key(error):
            raise error
        return StillReferenced()
    if isinstance(error, outages.OUTAGES):
        outages.log_outage(error)
        return Unavailable(outages.outage_reason(error))
    if isinstance(error, Unavailable) and error.__cause__:
        outages.log_outage(error.__cause__)
    assert isinstance(error, Problem | HTTPException)  # noqa: S101 - no other exception has a handler
    return error


def problem_response(request: HTTPConnection, error: Exception) -> JSONResponse:
    """Return the problem response for an error."""
    return write_problem(request, as_problem(error))


def write_problem(request: HTTPConnection, problem: Problem | HTTPException) -> JSONResponse:
    """Build the problem response, or that of a `CustomErrorRoute`."""
    if isinstance(problem, HTTPException):
        document = ProblemDetails(
            type="about:blank",
            title=HTTPStatus(problem.status_code).phrase,
            status=problem.status_code,
        )
    else:
        document = ProblemDetails(
            type=problem.type(), title=problem.title, status=problem.status, detail=problem.detail
        )
        document.errors = [cast(InvalidValue, dict(item)) for item in problem.errors] or None
    document.instance = request.url.path
    if document.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        document.request_id = request.state.request_id
    headers, route = problem_headers(request, problem), request.scope.get("route")
    if isinstance(route, CustomErrorRoute):
        response = route.error_response(document)
        response.headers.update(headers)
        return response
    content = document.model_dump(mode="json", exclude_none=True)
    return JSONResponse(content, document.status, headers, MEDIA_TYPE)


def problem_headers(request: HTTPConnection, problem: Problem | HTTPException) -> Mapping[str, str]:
    """Return the headers of an error response; `Allow` lists the methods of all routes, not only those of one."""
    headers = problem.headers or {}
    return {"Allow": _allowed_methods(request) or headers["Allow"]} if "Allow" in headers else headers


def _allowed_methods(request: HTTPConnection) -> str:
    """Return the methods of all routes with this path (RFC 9110 §10.2.1); mounted apps are ignored."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    routes = [route for route in iter_route_contexts(request.app.routes) if route.methods and route.path]
    found = {m for route in routes if compile_path(str(route.path))[0].match(path) for m in route.methods or ()}
    return ", ".join(sorted({*found, "HEAD"} if "GET" in found else found))


async def _handle_expected(request: Request, error: Exception) -> JSONResponse:
    await close_request_session(request.scope, commit=False)
    return problem_response(request, error)


HANDLED_EXCEPTIONS: tuple[type[Exception], ...] = (
    Problem,
    RequestValidationError,
    WebSocketRequestValidationError,
    StaleDataError,
    IntegrityError,
    *outages.OUTAGES,
    HTTPException,
)


def register_exception_handlers(app: FastAPI) -> None:
    """Register exception handlers that return problem details; unexpected exceptions return 500."""
    for exception in HANDLED_EXCEPTIONS:
        app.add_exception_handler(exception, _handle_expected)
    app.add_exception_handler(Exception, _handle_unexpected)


async def _handle_unexpected(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - logged in app/api/request_cycle.py
    request.state.is_answered = True
    return await _handle_expected(request, Problem())
