"""OpenAPI document: completes what FastAPI generates, so that linters and client generators accept it.

Derived from conventions of the code: a response with a `version` has an `ETag`, 201 has a `Location` if the new record
has a URL, and every operation can answer 503. `app/api/openapi_fields.py` describes fields and parameters.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.api.error_handlers import CustomErrorRoute, ProblemDetails, openapi_responses
from app.api.idempotency import add_to_openapi
from app.api.openapi_fields import complete_parameter, complete_schema
from app.api.request_cycle import LIVENESS_PATH
from app.errors import ContentTooLarge, InvalidRequest, Problem, Unavailable

DESCRIPTION = """Most endpoints require an access token in the `Authorization: Bearer …` header.

1. `POST /api/v1/auth/register` creates an account, which is confirmed by email.
2. `POST /api/v1/auth/login` exchanges an email address and password for an access token and a refresh token.
3. `POST /api/v1/auth/token/refresh` exchanges the refresh token for a new pair when the access token expires.

Errors are problem details (RFC 9457). Lists are paged with a cursor.
"""

FIRST_PATHS = ("/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/token/refresh", "/api/v1/users/me")
"""Paths at the top of the OpenAPI document; the others follow in the order of the routes."""

_FIRST_TAGS = {
    "auth": "Sign-up, sign-in, sessions, password and email address",
    "users": "The account of the caller",
}
_LAST_TAGS = {"health": "Probes for load balancers and orchestrators"}

_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ETag": (
        "Version of the record. Send it in `If-Match` to change only this version.",
        {"type": "string", "examples": ['"1"']},
    ),
    "Location": (
        "Path of the new record.",
        {
            "type": "string",
            "format": "uri-reference",
            "examples": ["/api/v1/books/019cec2a-1c40-7c3d-9f1e-5b7a3c2d1e0f"],
        },
    ),
    "Retry-After": ("Seconds to wait before trying again.", {"type": "integer", "format": "int32", "examples": [30]}),
    "X-Request-ID": ("ID of the request, also in the log.", {"type": "string", "examples": ["5f0c8e1d9a7b4c3e"]}),
}
_RETRY_STATUSES = {"429", "503"}
_PROBLEMS: tuple[type[Problem], ...] = (ContentTooLarge, InvalidRequest, Unavailable)
"""Errors that many operations share, as `components.responses`."""


def openapi_tags(modules: Iterable[ModuleType]) -> list[dict[str, Any]]:
    """Return the OpenAPI tags in order: auth, users, those of the features' `routes.py`, health.

    A feature's tag is described by the first sentence of its package's docstring.
    """
    tags = dict(_FIRST_TAGS)
    for module in modules:
        about, _ = _split_first_sentence(sys.modules[module.__package__ or ""].__doc__ or "")
        tags |= {str(tag): about for tag in module.router.tags if tag not in tags}
    return [{"name": name, "description": about} for name, about in (tags | _LAST_TAGS).items()]


def build_document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the app, built at the first call."""
    if app.openapi_schema is None:
        routes = [context.original_route for context in iter_route_contexts(app.routes)]
        own_errors = {route.name for route in routes if isinstance(route, CustomErrorRoute)}
        app.openapi_schema = _complete(add_to_openapi(FastAPI.openapi(app)), own_errors)
    return app.openapi_schema


def _complete(document: dict[str, Any], own_errors: set[str]) -> dict[str, Any]:
    """Complete the document in place; `own_errors` are operations whose errors are not problem documents."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= _schemas_of_problems()
    components["schemas"] = dict(sorted(schemas.items()))
    for title, schema in components["schemas"].items():
        complete_schema(schema, schemas.get(f"{title.removesuffix('Read')}Create", {}))
    components["headers"] = {
        name: {"description": about, "required": True, "schema": schema} for name, (about, schema) in _HEADERS.items()
    }
    components["responses"] = {problem.__name__: _response_of(problem) for problem in _PROBLEMS}
    for name, response in components["responses"].items():
        _add_headers(response, "Retry-After" if name == "Unavailable" else "")
    document["paths"] = dict(sorted(document["paths"].items(), key=_position))
    for path, method, operation in _operations(document):
        _add_summary(operation)
        _describe_stream(operation)
        operation.setdefault("security", [])  # public, which generators don't conclude from a missing one
        for parameter in operation.get("parameters", ()):
            complete_parameter(parameter)
        if operation["operationId"] not in own_errors:
            _add_problems(path, operation)
        _add_response_headers(document, path, method, operation)
    return document


def _schemas_of_problems() -> dict[str, Any]:
    schema = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), ProblemDetails.__name__: schema}


def _response_of(problem: type[Problem]) -> dict[str, Any]:
    return next(iter(openapi_responses(problem).values()))


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _position(item: tuple[str, Any]) -> int:
    return FIRST_PATHS.index(item[0]) if item[0] in FIRST_PATHS else len(FIRST_PATHS)


def _add_problems(path: str, operation: dict[str, Any]) -> None:
    """Document the errors that the middleware returns, and refer to those that many operations share."""
    responses = operation["responses"]
    if "requestBody" in operation:
        responses.setdefault("413", _response_of(ContentTooLarge))
    if path != LIVENESS_PATH:
        responses.setdefault("503", _response_of(Unavailable))
    for problem in _PROBLEMS:
        status = str(problem.status.value)
        if responses.get(status) == _response_of(problem):
            responses[status] = {"$ref": f"#/components/responses/{problem.__name__}"}
    operation["responses"] = dict(sorted(responses.items()))


def _add_response_headers(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> None:
    """Document the headers of each response."""
    has_url = any(other.startswith(f"{path}/{{") and "get" in item for other, item in document["paths"].items())
    for status, response in operation["responses"].items():
        if "$ref" in response:
            continue
        etag = "ETag" if _is_record(document, response) else ""
        location = "Location" if (method, status) == ("post", "201") and has_url else ""
        _add_headers(response, etag, location, "Retry-After" if status in _RETRY_STATUSES else "")


def _add_headers(response: dict[str, Any], *names: str) -> None:
    headers = response.setdefault("headers", {})
    for name in filter(None, (*names, "X-Request-ID")):
        headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _is_record(document: dict[str, Any], response: dict[str, Any]) -> bool:
    """Return whether the body is one record, whose routes send its version: `with_etag`."""
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    return "version" in document["components"]["schemas"].get(name, {}).get("properties", {})


def _add_summary(operation: dict[str, Any]) -> None:
    """Use the first sentence of the docstring as summary, unless the route has a `summary`."""
    if operation.get("summary") != operation["operationId"].replace("_", " ").title():
        return
    summary, rest = _split_first_sentence(operation.pop("description", ""))
    operation["summary"] = summary or operation["summary"]
    if rest:
        operation["description"] = rest


def _describe_stream(operation: dict[str, Any]) -> None:
    """Describe event streams as text: `itemSchema` is of OpenAPI 3.2, which validators of 3.1 reject."""
    for response in operation["responses"].values():
        for media in response.get("content", {}).values():
            if media.pop("itemSchema", None):
                media["schema"] = {"type": "string"}


def _split_first_sentence(text: str) -> tuple[str, str]:
    first, rest = (*re.split(r"(?<=\.)\s+", text.strip(), maxsplit=1), "")[:2]
    return " ".join(first.removesuffix(".").split()), rest
