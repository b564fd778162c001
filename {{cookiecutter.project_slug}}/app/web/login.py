"""Sign-in and sign-out pages."""

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from app.accounts.browser import web_session
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, Visitor
from app.accounts.schemas import Login
from app.accounts.sessions.login import EmailNotVerified, InvalidCredentials
from app.api.rate_limits import TooManyAttempts
from app.web.forms import Form as Entered
from app.web.forms import parse_form
from app.web.templating import render, render_with_problem, see_other

router = APIRouter()

LOGIN_REDIRECT_PATH = "/account"


def safe_redirect_path(target: str) -> str:
    """Return `target` when it is a path of this site, else a page of ours: nobody is led away by a link to us.

    Browsers take a backslash for a slash, two slashes for another site, and skip tabs and line ends.
    https://cheatsheetseries.owasp.org (Unvalidated Redirects and Forwards)
    """
    return target if re.fullmatch(r"/(?!/)[!-\[\]-~]*", target) else LOGIN_REDIRECT_PATH


def login_path(target: str) -> str:
    """Return the path of the sign-in page that leads on to `target`."""
    return f"/login?{urlencode({'next': target})}"


@router.get("/login")
async def show_login(
    request: Request, visitor: Visitor, target: Annotated[str, Query(alias="next")] = LOGIN_REDIRECT_PATH
) -> Response:
    """Show the sign-in form; redirect users who are already signed in."""
    if visitor is not None:
        return see_other(request, safe_redirect_path(target))
    return await render(
        request, "login.html", {"form": Entered(), "next": safe_redirect_path(target), "remember": False}
    )


@router.post("/login", dependencies=[CsrfProtected])
async def submit_login(
    request: Request,
    client: PageClient,
    target: Annotated[str, Form(alias="next")] = LOGIN_REDIRECT_PATH,
    *,
    remember: Annotated[bool, Form()] = False,
) -> Response:
    """Open a session, go on to the second factor, or say that it was wrong; not what of it."""
    form = await parse_form(request, Login)
    context = {"form": form, "next": safe_redirect_path(target), "remember": remember}
    if form.data is None:
        return await render(request, "login.html", context, 422)
    response = see_other(request, safe_redirect_path(target))
    try:
        step = await web_session.login(request, response, form.data, client, remember=remember)
    except (InvalidCredentials, EmailNotVerified, TooManyAttempts) as refusal:
        return await render_with_problem(request, "login.html", refusal, context)
    if step:
        carried = {"next": safe_redirect_path(target), **({"remember": "true"} if remember else {})}
        response.headers["Location"] = see_other(request, f"{step}?{urlencode(carried)}").headers["Location"]
    return response


@router.post("/logout", dependencies=[CsrfProtected])
async def submit_logout(request: Request) -> Response:
    """Sign out: end the session and invalidate its cookie."""
    response = see_other(request, "/login")
    await web_session.logout(request, response)
    return response
