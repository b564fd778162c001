"""HTML error pages, for requests outside the API that accept HTML."""

from http import HTTPStatus
from typing import NamedTuple
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
from app.web.login import login_path
from app.web.reauth import reauthentication_path
from app.web.templating import render_template, see_other

API_PATHS = frozenset({"api", "health", ".well-known", "openapi.json"})
"""Path prefixes that always return problem details."""


class ErrorText(NamedTuple):
    """Heading and text of an error page."""

    title: str
    advice: str


ERROR_TEXTS = {
    400: ErrorText("Bad request", "The request was incomplete. Go back and try again."),
    401: ErrorText("Sign-in required", "You need to sign in to see this page."),
    403: ErrorText(
        "Access denied",
        "You don't have permission to do this, or the form has expired. Go back, reload the page and try again.",
    ),
    404: ErrorText("Page not found", "The page doesn't exist, or you don't have access to it."),
    405: ErrorText("Method not allowed", "This URL doesn't support that action. Go back to the page and try again."),
    409: ErrorText("Conflict", "The change conflicts with existing data. Nothing was saved."),
    412: ErrorText(
        "Someone else changed this", "This was changed after you opened it. Reload the page to see the latest version."
    ),
    413: ErrorText("Request too large", "Nothing was saved. Go back and send less data."),
    414: ErrorText("URL too long", "Go back and try a shorter URL."),
    415: ErrorText("Unsupported encoding", "Nothing was saved. Forms must be sent as UTF-8."),
    422: ErrorText("Invalid request", "A value is missing or invalid. Go back and check it."),
    429: ErrorText("Too many attempts", "Wait a while, then try again."),
    431: ErrorText("Request headers too large", "Delete your cookies for this site and try again."),
    500: ErrorText("Something went wrong", "The error was logged. Try again later."),
    503: ErrorText("Service unavailable", "The service is temporarily unavailable. Try again in a moment."),
}


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
    response.headers["Vary"] = "Accept"
    return response


async def _handle_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001 - logged in app/api/request_cycle.py
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
    text = ERROR_TEXTS.get(status) or ErrorText(HTTPStatus(status).phrase, "")
    if isinstance(problem, Problem) and Problem not in type(problem).__bases__:
        text = text._replace(title=problem.title)  # a specific error, such as NoteTitleTaken
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        await web_session.find_visitor(request)
    detail = problem.detail if isinstance(problem, Problem) else None
    context = {"status": status, "text": text, "detail": detail, "request_id": request.state.request_id}
    try:
        response = render_template(request, "error.html", context, status)
    except TemplateError:  # rendering the layout may have caused this error
        return write_problem(request, problem)
    response.headers.update(problem_headers(request, problem))
    return response
