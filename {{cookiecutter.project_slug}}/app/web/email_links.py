"""Landing pages of emailed links.

Opening a link has no side effects: mail scanners do so too. The token is part of the URL, so the pages send no
`Referer`, and like all pages they aren't cached.
"""

from typing import NamedTuple

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.api.dependencies import get_authenticator
from app.accounts.credentials import one_time_tokens
from app.accounts.credentials.one_time_tokens import InvalidLink, Purpose
from app.accounts.lifecycle.schemas import EmailedToken
from app.accounts.models import OneTimeToken
from app.i18n import gettext_noop
from app.web.forms import parse_form
from app.web.templating import render

Context = dict[str, object]


class LinkPage(NamedTuple):
    """Purpose and texts of a landing page."""

    purpose: Purpose
    title: str
    description: str
    button: str
    action: str
    """Path that the form is sent to."""


async def find_token(request: Request, session: AsyncSession, raw: str, purpose: Purpose) -> OneTimeToken | None:
    """Return the token if it is valid."""
    return await one_time_tokens.find(session, get_authenticator(request), raw, purpose)


async def show_link(request: Request, session: AsyncSession, raw: str, page: LinkPage) -> Response:
    """Show the landing page of a link."""
    if await find_token(request, session, raw, page.purpose) is None:
        return await show_invalid_link(request)
    return await render_without_referrer(request, "email_link.html", {"page": page, "token": raw})


async def show_invalid_link(
    request: Request, path: str = "/account", label: str = gettext_noop("Go to your account")
) -> Response:
    """Show that the link is invalid and how to get a new one."""
    return await render_without_referrer(
        request, "email_link_invalid.html", {"target": path, "label": label}, InvalidLink.status
    )


async def read_token(request: Request) -> str:
    """Return the token sent by a landing page's form; empty if it is malformed."""
    form = await parse_form(request, EmailedToken)
    return form.data.token if form.data else ""


async def render_without_referrer(request: Request, name: str, context: Context, status: int = 200) -> Response:
    """Render a page whose URL must not leak to other sites."""
    response = await render(request, name, context, status)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
