"""Errors for people: a page in place of the problem document, outside the API, when the client reads HTML."""

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
from app.api.error_handlers import HANDLED_EXCEPTIONS, as_problem, problem_headers, problem_response, write_problem
from app.api.middleware import SAFE_METHODS
from app.errors import NotFound, Problem
from app.web.login import login_path
from app.web.reauth import reauthentication_path
from app.web.templating import render_template, see_other

API_PATHS = frozenset({"api", "health", ".well-known", "openapi.json"})
"""First parts of paths whose errors are problem documents, whatever the client accepts."""


class ErrorText(NamedTuple):
    """A heading, and what it means for the reader."""

    title: str
    advice: str


ERROR_TEXTS = {
    400: ErrorText(
        "That request made no sense", "Something was missing from what your browser sent. Go back and try again."
    ),
    401: ErrorText("Please sign in", "This page is for people who are signed in."),
    403: ErrorText(
        "Not allowed", "Nothing was changed. Go back, load the page again, and retry if you meant to do this."
    ),
    404: ErrorText("Page not found", "Nothing is at this address, or it is not yours to see."),
    405: ErrorText("That does not work here", "This address cannot be used that way. Start again from its page."),
    409: ErrorText("That does not go together", "It contradicts what is already saved. Nothing was changed."),
    412: ErrorText("Someone else was faster", "This was changed since you opened it. Load the page again to see how."),
    413: ErrorText("That is too much at once", "Nothing was saved. Go back and send something shorter."),
    414: ErrorText("That address is too long", "Go back and try a shorter one."),
    415: ErrorText("That cannot be read", "Nothing was saved. Send the form as UTF-8, as browsers do."),
    422: ErrorText("Something is not right", "A value in the request is missing or wrong. Go back and check it."),
    429: ErrorText("Too many attempts", "Please wait a while, and try again."),
    431: ErrorText("Your browser sent too much", "Delete the cookies of this site, and try again."),
    500: ErrorText(
        "Something broke on our side", "It was written to the log and is ours to mend. Try again in a while."
    ),
    503: ErrorText("Please try again in a moment", "The server cannot answer right now."),
}


def register_error_pages(app: FastAPI) -> None:
    """Answer the errors of `app` with pages, to people."""
    for kind in HANDLED_EXCEPTIONS:
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer(request: Request, error: Exception) -> Response:
    if request.scope["type"] == "websocket":
        return problem_response(request, error)
    if isinstance(error, LoginRequired) and request.method in SAFE_METHODS:
        return see_other(request, login_path(_relative(request, request.url)))
    if _relative(request, request.url).split("?")[0].lstrip("/").partition("/")[0] in API_PATHS:
        return problem_response(request, error)
    if isinstance(error, ReauthenticationRequired):
        return see_other(request, reauthentication_path(_page_of(request)))
    problem = _names_nothing(error) or as_problem(error)
    if "text/html" not in request.headers.get("accept", ""):
        response: Response = write_problem(request, problem)
    else:
        response = await _page(request, problem)
    response.headers["Vary"] = "Accept"
    return response


async def _answer_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001 - logged in app/api/middleware.py
    return await _answer(request, Problem())


def _page_of(request: Request) -> str:
    """Return the page to come back to: this one, or the one whose form was sent."""
    if request.method in SAFE_METHODS:
        return _relative(request, request.url)
    return _relative(request, URL(request.headers.get("referer", "")))


def _relative(request: Request, url: URL) -> str:
    """Return path and query below the path of `BASE_URL`."""
    path = quote(url.path.removeprefix(request.state.settings.root_path))
    return f"{path}?{url.query}" if url.query else path


def _names_nothing(error: Exception) -> NotFound | None:
    """Take an address with a malformed id for what it is to people: one where nothing is."""
    if isinstance(error, RequestValidationError) and all(item["loc"][0] == "path" for item in error.errors()):
        return NotFound()
    return None


async def _page(request: Request, problem: Problem | HTTPException) -> Response:
    status = int(problem.status_code if isinstance(problem, HTTPException) else problem.status)
    words = ERROR_TEXTS.get(status) or ErrorText(HTTPStatus(status).phrase, "")
    if isinstance(problem, Problem) and Problem not in type(problem).__bases__:
        words = words._replace(title=problem.title)  # a fact with a name of its own, not just a kind
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        await web_session.find_visitor(request)
    detail = problem.detail if isinstance(problem, Problem) else None
    context = {"status": status, "words": words, "detail": detail, "request_id": request.state.request_id}
    try:
        response = render_template(request, "error.html", context, status)
    except TemplateError:  # the frame of every page is broken, and so perhaps the cause of this error
        return write_problem(request, problem)
    response.headers.update(problem_headers(request, problem))
    return response
