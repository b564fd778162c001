"""Choice of the language, in the footer of each page."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from starlette.routing import Match

from app.accounts import users
from app.accounts.browser import cookies, csrf
from app.accounts.browser.web_session import Visitor
from app.accounts.schemas import AccountUpdate
from app.api.dependencies import SessionDep
from app.i18n import available_locales
from app.web.login import safe_redirect_path
from app.web.templating import see_other

router = APIRouter()

_MAX_AGE = timedelta(days=365)


@router.post("/language")
async def choose_language(
    request: Request, session: SessionDep, visitor: Visitor, locale: Annotated[str, Form()] = ""
) -> Response:
    """Remember the language in the account, and in a cookie for when the user is signed out.

    Visitors need no CSRF token: each page would have to set the cookie that it is bound to.
    """
    if visitor:
        csrf.verify_csrf(request, str((await request.form()).get("csrf_token", "")))
    response = see_other(request, safe_redirect_path(request, _previous_path(request)))
    if locale in available_locales():
        cookies.set_cookie(request, response, cookies.LOCALE, locale, _MAX_AGE)
        if visitor and not visitor.impersonator:
            account = await users.get_account(session, visitor)
            await users.update_account(session, account, AccountUpdate(locale=locale))
    return response


def _previous_path(request: Request) -> str:
    """Return path and query of the page with the form."""
    try:
        page = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    path = page.path.removeprefix(request.scope["root_path"])
    scope = {**request.scope, "method": "GET", "path": page.path}
    found = {route.matches(scope)[0] for route in request.app.router.routes}
    if Match.PARTIAL in found and Match.FULL not in found:
        return ""  # the page answered a form, and can't be loaded again
    return f"{path}?{page.query}" if page.query else path
