"""Choice of the language, in the footer of each page."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from app.accounts import users
from app.accounts.browser import cookies
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import Visitor
from app.accounts.schemas import AccountUpdate
from app.api.dependencies import SessionDep
from app.i18n import available_locales
from app.web.login import safe_redirect_path
from app.web.templating import see_other

router = APIRouter()

_MAX_AGE = timedelta(days=365)


@router.post("/language", dependencies=[CsrfProtected])
async def choose_language(
    request: Request,
    session: SessionDep,
    visitor: Visitor,
    locale: Annotated[str, Form()] = "",
    target: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Remember the language in the account, and in a cookie for when the user is signed out."""
    response = see_other(request, safe_redirect_path(request, target))
    if locale in available_locales():
        cookies.set_cookie(request, response, cookies.LOCALE, locale, _MAX_AGE)
        if visitor and not visitor.impersonator:
            account = await users.get_account(session, visitor)
            await users.update_account(session, account, AccountUpdate(locale=locale))
    return response
