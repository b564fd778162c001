"""HTML error pages, for requests outside the API that accept HTML."""

from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from jinja2 import TemplateError
from starlette.datastructures import URL
from starlette.exceptions import HTTPException

from app.accounts.browser import web_session
from app.accounts.browser.web_session import LoginRequired
from app.accounts.sessions.reauth import ReauthenticationRequired
from app.api.dependencies import close_request_session
from app.api.error_handlers import HANDLED_EXCEPTIONS, as_problem, problem_headers, problem_response, write_problem
from app.api.middleware import SAFE_METHODS
from app.errors import NotFound, Problem
from app.web.error_texts import error_text
from app.web.failures import describe_failure
from app.web.login import login_path
from app.web.reauth import reauthentication_path
from app.web.templating import render_template, see_other

API_PATHS = frozenset({"api", "health", ".well-known", "openapi.json"})
"""Path prefixes that always return problem details."""


def register_error_pages(app: FastAPI) -> None:
    """Register handlers that return HTML error pages."""
    for exception_class in HANDLED_EXCEPTIONS:
        app.add_exception_handler(exception_class, _handle)
    app.add_exception_handler(Exception, _handle_bug)


async def _handle(request: Request, error: Exception) -> Response:
    await close_request_session(request.scope, commit=False)
    if request.scope["type"] == "websocket":
        return problem_response(request, error)
    if isinstance(error, LoginRequired) and request.method in SAFE_METHODS:
        return see_other(request, login_path(_relative(request, request.url)))
    if _relative(request, request.url).split("?")[0].lstrip("/").partition("/")[0] in API_PATHS:
        return problem_response(request, error)
    if isinstance(error, ReauthenticationRequired):
        return see_other(request, reauthentication_path(_page_of(request)))
    problem = _malformed_id(error) or as_problem(error)
    if "text/html" not in request.headers.get("accept", ""):
        response: Response = write_problem(request, problem)
    else:
        response = await _page(request, problem)
    response.headers.add_vary_header("Accept")
    return response


async def _handle_bug(request: Request, error: Exception) -> Response:  # logged in app/api/request_cycle.py
    if request.state.settings.shows_failures:
        request.state.failure = describe_failure(error)
    return await _handle(request, Problem())


def _page_of(request: Request) -> str:
    """Return the page to come back to: this one, or the one with the submitted form."""
    if request.method in SAFE_METHODS:
        return _relative(request, request.url)
    return _relative(request, URL(request.headers.get("referer", "")))


def _relative(request: Request, url: URL) -> str:
    """Return path and query without the path of `BASE_URL`."""
    path = quote(url.path.removeprefix(request.state.settings.root_path))
    return f"{path}?{url.query}" if url.query else path


def _malformed_id(error: Exception) -> NotFound | None:
    """Return `NotFound` for a malformed id in the path, instead of the API's 422."""
    if isinstance(error, RequestValidationError) and all(item["loc"][0] == "path" for item in error.errors()):
        return NotFound()
    return None


async def _page(request: Request, problem: Problem | HTTPException) -> Response:
    status = int(problem.status_code if isinstance(problem, HTTPException) else problem.status)
    visitor = await web_session.find_visitor(request) if status < HTTPStatus.INTERNAL_SERVER_ERROR else None
    context = {
        "status": status,
        "text": error_text(problem, status, visitor, reading=request.method in SAFE_METHODS),
        "detail": problem.detail if isinstance(problem, Problem) else None,
        "wait": (problem.headers or {}).get("Retry-After"),
        "login": login_path(_page_of(request) or "/"),
        "request_id": request.state.request_id,
        "failure": getattr(request.state, "failure", None),
    }
    try:
        response = render_template(request, "error.html", context, status)
    except TemplateError:  # rendering the layout may have caused this error
        return write_problem(request, problem)
    response.headers.update(problem_headers(request, problem))
    return response
