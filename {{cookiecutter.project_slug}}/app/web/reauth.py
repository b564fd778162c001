"""Ask for the password again, before what is dangerous."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi import Form as FormField
from fastapi.responses import Response

from app.accounts import browser
from app.accounts.browser import PageClient, PageScope
from app.accounts.csrf import CsrfChecked
from app.accounts.schemas import Password
from app.accounts.service import InvalidCredentials
from app.throttle import TooManyAttempts
from app.web.forms import Form, read_form
from app.web.rendering import refuse, render, see_other
from app.web.signin import AFTER_SIGN_IN, local_path

router = APIRouter(prefix="/reauth")


def reauthentication_path(target: str) -> str:
    """Return the path of the page that asks, and then leads on to `target`."""
    return f"/reauth?{urlencode({'next': target})}"


@router.get("")
async def show_reauthenticate(
    request: Request,
    scope: PageScope,  # noqa: ARG001 - must be signed in
    target: Annotated[str, Query(alias="next")] = AFTER_SIGN_IN,
) -> Response:
    """Show the form."""
    return await render(request, "reauth.html", {"form": Form(), "next": local_path(target)})


@router.post("", dependencies=[CsrfChecked])
async def reauthenticate(
    request: Request,
    client: PageClient,
    scope: PageScope,  # noqa: ARG001 - must be signed in
    target: Annotated[str, FormField(alias="next")] = AFTER_SIGN_IN,
) -> Response:
    """Go on to where they wanted, with a session of a new id."""
    form = await read_form(request, Password)
    context = {"form": form, "next": local_path(target)}
    if form.data is None:
        return await render(request, "reauth.html", context, 422)
    response = see_other(request, local_path(target))
    try:
        await browser.reauthenticate(request, response, form.data.password.get_secret_value(), client)
    except (InvalidCredentials, TooManyAttempts) as refusal:
        return await refuse(request, "reauth.html", refusal, context)
    return response
