"""Heading and advice of error pages: what happened, and what the user can do."""

from http import HTTPStatus
from typing import NamedTuple

from starlette.exceptions import HTTPException

from app.accounts.api.dependencies import PermissionDenied
from app.accounts.browser.csrf import InvalidCsrfToken
from app.accounts.scope import ForbiddenWhileImpersonating, Scope
from app.api.middleware import CrossSiteRequest
from app.errors import Problem


class ErrorText(NamedTuple):
    """Heading and text of an error page."""

    title: str
    advice: str


_TEXTS = {
    400: ErrorText("Bad request", "The request was incomplete. Go back and try again."),
    401: ErrorText("Sign-in required", "Nothing was saved. Sign in, then send the form again."),
    403: ErrorText("Access denied", ""),
    404: ErrorText("Page not found", ""),
    405: ErrorText("Method not allowed", "This URL doesn't support that action. Go back to the page and try again."),
    409: ErrorText("Conflict", "The change conflicts with existing data. Nothing was saved."),
    412: ErrorText(
        "Someone else changed this", "This was changed after you opened it. Reload the page to see the latest version."
    ),
    413: ErrorText("Request too large", "Nothing was saved. Go back and send less data."),
    414: ErrorText("URL too long", "Go back and try a shorter URL."),
    415: ErrorText("Unsupported encoding", "Nothing was saved. Forms must be sent as UTF-8."),
    422: ErrorText("Invalid request", "A value is missing or invalid. Go back and check it."),
    429: ErrorText("Too many requests", "Nothing was saved."),
    431: ErrorText("Request headers too large", "Delete your cookies for this site and try again."),
    500: ErrorText("Something went wrong", "The error was logged. Try again later, or contact us."),
    503: ErrorText("Service unavailable", "The service is temporarily unavailable. Try again in a moment."),
}
_FORBIDDEN: dict[type[Exception], str] = {
    InvalidCsrfToken: "Nothing was saved. Go back, reload the page and send the form again.",
    CrossSiteRequest: "Another website sent this request, so nothing was changed. Try again from a page of this site.",
    ForbiddenWhileImpersonating: "Nothing was changed. To use your own account, switch back at the top of the page.",
}


def error_text(problem: Problem | HTTPException, status: int, visitor: Scope | None, *, reading: bool) -> ErrorText:
    """Return the text for an error. `visitor` is the signed-in user; `reading` means that a page was opened."""
    title, advice = _TEXTS.get(status) or ErrorText(HTTPStatus(status).phrase, "")
    if isinstance(problem, Problem) and Problem not in {type(problem), *type(problem).__bases__}:
        title = problem.title  # a specific error, such as NoteTitleTaken
    if status == HTTPStatus.FORBIDDEN:
        advice = _FORBIDDEN.get(type(problem)) or _without_permission(problem, visitor, reading=reading)
    if status == HTTPStatus.NOT_FOUND:
        access = "your account has no access to it" if visitor else "you have to sign in to see it"
        advice = f"The page doesn't exist, or {access}. Check the address."
    if status == HTTPStatus.INTERNAL_SERVER_ERROR and not reading:
        advice = f"Nothing was saved. {advice}"
    return ErrorText(title, advice)


def _without_permission(problem: Problem | HTTPException, visitor: Scope | None, *, reading: bool) -> str:
    account = f"The account {visitor.email}" if visitor and visitor.impersonator else "Your account"
    advice = f"{account} may not open this page." if reading else f"{account} may not do this. Nothing was changed."
    if isinstance(problem, PermissionDenied | HTTPException):
        advice += " If you need access, ask an administrator for a role that has it."
    return advice
