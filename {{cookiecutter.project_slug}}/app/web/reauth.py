"""Re-authentication page for sensitive actions."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi import Form as FormField
from fastapi.responses import Response

from app.accounts.browser import web_session
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, PageScope
from app.accounts.schemas import PasswordConfirmation
from app.accounts.sessions.login import InvalidCredentials
from app.api.rate_limits import TooManyAttempts
from app.web.forms import Form, parse_form
from app.web.login import safe_redirect_path
from app.web.templating import render, render_with_problem, see_other

router = APIRouter(prefix="/reauth")


def reauthentication_path(target: str) -> str:
    """Return the path of the page that asks for the password and then redirects to `target`."""
    return f"/reauth?{urlencode({'next': target})}"


@router.get("")
async def show_reauthenticate(
    request: Request,
    scope: PageScope,  # noqa: ARG001 - must be signed in
    target: Annotated[str, Query(alias="next")] = "",
) -> Response:
    """Show the password form."""
    return await render(request, "reauth.html", {"form": Form(), "next": safe_redirect_path(request, target)})


@router.post("", dependencies=[CsrfProtected])
async def reauthenticate(
    request: Request,
    client: PageClient,
    scope: PageScope,  # noqa: ARG001 - must be signed in
    target: Annotated[str, FormField(alias="next")] = "",
) -> Response:
    """Confirm the password, rotate the session cookie and redirect to the requested page."""
    form = await parse_form(request, PasswordConfirmation)
    context = {"form": form, "next": safe_redirect_path(request, target)}
    if form.data is None:
        return await render(request, "reauth.html", context, 422)
    response = see_other(request, safe_redirect_path(request, target))
    try:
        await web_session.reauthenticate(request, response, form.data.password.get_secret_value(), client)
    except (InvalidCredentials, TooManyAttempts) as problem:
        return await render_with_problem(request, "reauth.html", problem, context)
    return response
