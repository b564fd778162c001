"""Heading and advice of error pages: what happened, and what the user can do."""

from http import HTTPStatus
from typing import NamedTuple

from starlette.exceptions import HTTPException

from app.accounts.api.dependencies import PermissionDenied
from app.accounts.browser.csrf import InvalidCsrfToken
from app.accounts.scope import ForbiddenWhileImpersonating, Scope
from app.api.middleware import CrossSiteRequest
from app.errors import Problem
from app.i18n import gettext, gettext_noop


class ErrorText(NamedTuple):
    """Heading and text of an error page."""

    title: str
    advice: str


_TEXTS = {
    400: ErrorText(gettext_noop("Bad request"), gettext_noop("The request was incomplete. Go back and try again.")),
    401: ErrorText(
        gettext_noop("Sign-in required"), gettext_noop("Nothing was saved. Sign in, then send the form again.")
    ),
    403: ErrorText(gettext_noop("Access denied"), ""),
    404: ErrorText(gettext_noop("Page not found"), ""),
    405: ErrorText(
        gettext_noop("Method not allowed"),
        gettext_noop("This URL doesn't support that action. Go back to the page and try again."),
    ),
    409: ErrorText(
        gettext_noop("Conflict"), gettext_noop("The change conflicts with existing data. Nothing was saved.")
    ),
    412: ErrorText(
        gettext_noop("Someone else changed this"),
        gettext_noop("This was changed after you opened it. Reload the page to see the latest version."),
    ),
    413: ErrorText(gettext_noop("Request too large"), gettext_noop("Nothing was saved. Go back and send less data.")),
    414: ErrorText(gettext_noop("URL too long"), gettext_noop("Go back and try a shorter URL.")),
    415: ErrorText(
        gettext_noop("Unsupported encoding"), gettext_noop("Nothing was saved. Forms must be sent as UTF-8.")
    ),
    422: ErrorText(
        gettext_noop("Invalid request"), gettext_noop("A value is missing or invalid. Go back and check it.")
    ),
    429: ErrorText(gettext_noop("Too many requests"), gettext_noop("Nothing was saved.")),
    431: ErrorText(
        gettext_noop("Request headers too large"), gettext_noop("Delete your cookies for this site and try again.")
    ),
    500: ErrorText(
        gettext_noop("Something went wrong"), gettext_noop("The error was logged. Try again later, or contact us.")
    ),
    503: ErrorText(
        gettext_noop("Service unavailable"),
        gettext_noop("The service is temporarily unavailable. Try again in a moment."),
    ),
}
_FORBIDDEN: dict[type[Exception], str] = {
    InvalidCsrfToken: gettext_noop("Nothing was saved. Go back, reload the page and send the form again."),
    CrossSiteRequest: gettext_noop(
        "Another website sent this request, so nothing was changed. Try again from a page of this site."
    ),
    ForbiddenWhileImpersonating: gettext_noop(
        "Nothing was changed. To use your own account, switch back at the top of the page."
    ),
}


def error_text(problem: Problem | HTTPException, status: int, visitor: Scope | None, *, reading: bool) -> ErrorText:
    """Return the text for an error. `visitor` is the signed-in user; `reading` means that a page was opened."""
    title, advice = map(gettext, _TEXTS.get(status) or ErrorText(HTTPStatus(status).phrase, ""))
    if isinstance(problem, Problem) and Problem not in {type(problem), *type(problem).__bases__}:
        title = gettext(problem.title)  # a specific error, such as NoteTitleTaken
    if status == HTTPStatus.FORBIDDEN:
        known = _FORBIDDEN.get(type(problem))
        advice = gettext(known) if known else _without_permission(problem, visitor, reading=reading)
    if status == HTTPStatus.NOT_FOUND and visitor:
        advice = gettext("The page doesn't exist, or your account has no access to it. Check the address.")
    elif status == HTTPStatus.NOT_FOUND:
        advice = gettext("The page doesn't exist, or you have to sign in to see it. Check the address.")
    if status == HTTPStatus.INTERNAL_SERVER_ERROR and not reading:
        advice = f"{gettext('Nothing was saved.')} {advice}"
    return ErrorText(title, advice)


def _without_permission(problem: Problem | HTTPException, visitor: Scope | None, *, reading: bool) -> str:
    if visitor and visitor.impersonator:
        account = gettext("The account %(email)s", email=visitor.email)
    else:
        account = gettext("Your account")
    if reading:
        advice = gettext("%(account)s may not open this page.", account=account)
    else:
        advice = gettext("%(account)s may not do this. Nothing was changed.", account=account)
    if isinstance(problem, PermissionDenied | HTTPException):
        advice += " " + gettext("If you need access, ask an administrator for a role that has it.")
    return advice
