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
from app.i18n import gettext
from app.web.forms import Form as WebForm
from app.web.forms import parse_form
from app.web.templating import redirect_with_message, render, render_with_problem, see_other

router = APIRouter()


def safe_redirect_path(request: Request, target: str) -> str:
    """Return `target` if it is a path on this site, else the home page, to prevent open redirects.

    Browsers treat a backslash as a slash and two slashes as another host, and ignore tabs and line breaks.
    https://cheatsheetseries.owasp.org (Unvalidated Redirects and Forwards)
    """
    home: str = request.app.state.home
    return target if re.fullmatch(r"/(?!/)[!-\[\]-~]*", target) else home


def login_path(target: str) -> str:
    """Return the path of the sign-in page that redirects to `target`."""
    return f"/login?{urlencode({'next': target})}"


@router.get("/login")
async def show_login(request: Request, visitor: Visitor, target: Annotated[str, Query(alias="next")] = "") -> Response:
    """Show the sign-in form; redirect users who are already signed in."""
    if visitor is not None:
        return see_other(request, safe_redirect_path(request, target))
    return await render(
        request, "login.html", {"form": WebForm(), "next": safe_redirect_path(request, target), "remember": False}
    )


@router.post("/login", dependencies=[CsrfProtected])
async def submit_login(
    request: Request,
    client: PageClient,
    target: Annotated[str, Form(alias="next")] = "",
    *,
    remember: Annotated[bool, Form()] = False,
) -> Response:
    """Sign in, or redirect to the second factor. An error doesn't reveal which of email and password was wrong."""
    form = await parse_form(request, Login)
    context = {"form": form, "next": safe_redirect_path(request, target), "remember": remember}
    if form.data is None:
        return await render(request, "login.html", context, 422)
    response = see_other(request, safe_redirect_path(request, target))
    try:
        step = await web_session.login(request, response, form.data, client, remember=remember)
    except (InvalidCredentials, EmailNotVerified, TooManyAttempts) as problem:
        return await render_with_problem(request, "login.html", problem, context)
    if step:
        query = {"next": safe_redirect_path(request, target), **({"remember": "true"} if remember else {})}
        response.headers["Location"] = see_other(request, f"{step}?{urlencode(query)}").headers["Location"]
    return response


@router.post("/logout", dependencies=[CsrfProtected])
async def submit_logout(request: Request) -> Response:
    """Sign out: end the session and invalidate its cookie."""
    response = redirect_with_message(request, "/login", gettext("You're signed out."))
    await web_session.logout(request, response)
    return response
