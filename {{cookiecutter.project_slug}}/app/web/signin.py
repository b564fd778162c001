"""Sign in and out with a browser."""

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from app.accounts import browser
from app.accounts.browser import PageClient, Visitor
from app.accounts.csrf import CsrfChecked
from app.accounts.schemas import Login
from app.accounts.service import EmailNotVerified, InvalidCredentials
from app.throttle import TooManyAttempts
from app.web.forms import Form as Entered
from app.web.forms import read_form
from app.web.rendering import refuse, render, see_other

router = APIRouter()

AFTER_SIGN_IN = "/account"


def local_path(target: str) -> str:
    """Return `target` when it is a path of this site, else a page of ours: nobody is led away by a link to us.

    Browsers take a backslash for a slash, two slashes for another site, and skip tabs and line ends.
    https://cheatsheetseries.owasp.org (Unvalidated Redirects and Forwards)
    """
    return target if re.fullmatch(r"/(?!/)[!-\[\]-~]*", target) else AFTER_SIGN_IN


def sign_in_path(target: str) -> str:
    """Return the path of the sign-in page that leads on to `target`."""
    return f"/login?{urlencode({'next': target})}"


@router.get("/login")
async def show_login(
    request: Request, visitor: Visitor, target: Annotated[str, Query(alias="next")] = AFTER_SIGN_IN
) -> Response:
    """Show the form; people who are signed in go on to where they wanted."""
    if visitor is not None:
        return see_other(request, local_path(target))
    return await render(request, "login.html", {"form": Entered(), "next": local_path(target), "remember": False})


@router.post("/login", dependencies=[CsrfChecked])
async def sign_in(
    request: Request,
    client: PageClient,
    target: Annotated[str, Form(alias="next")] = AFTER_SIGN_IN,
    *,
    remember: Annotated[bool, Form()] = False,
) -> Response:
    """Open a session, go on to the second factor, or say that it was wrong; not what of it."""
    form = await read_form(request, Login)
    context = {"form": form, "next": local_path(target), "remember": remember}
    if form.data is None:
        return await render(request, "login.html", context, 422)
    response = see_other(request, local_path(target))
    try:
        step = await browser.sign_in(request, response, form.data, client, remember=remember)
    except (InvalidCredentials, EmailNotVerified, TooManyAttempts) as refusal:
        return await refuse(request, "login.html", refusal, context)
    if step:
        carried = {"next": local_path(target), **({"remember": "true"} if remember else {})}
        response.headers["Location"] = see_other(request, f"{step}?{urlencode(carried)}").headers["Location"]
    return response


@router.post("/logout", dependencies=[CsrfChecked])
async def sign_out(request: Request) -> Response:
    """End the session; the cookie is dead, wherever it was copied to."""
    response = see_other(request, "/login")
    await browser.sign_out(request, response)
    return response
