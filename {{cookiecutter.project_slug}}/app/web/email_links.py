"""Shared code of the pages for emailed links.

Opening a link has no side effects, and its token is not leaked by requests of the page.

The token stands in the path until the form has sent it on. The browser is told to keep the page in no cache, which
every page says, and to name its address to nobody.
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
from app.web.forms import parse_form
from app.web.templating import render

Context = dict[str, object]


class LinkPage(NamedTuple):
    """Texts of a link's page."""

    purpose: Purpose
    title: str
    description: str
    button: str
    action: str
    """Where the form goes."""


async def find_token(request: Request, session: AsyncSession, raw: str, purpose: Purpose) -> OneTimeToken | None:
    """Return the token when it could be used now."""
    return await one_time_tokens.find(session, get_authenticator(request), raw, purpose)


async def show_link(request: Request, session: AsyncSession, raw: str, page: LinkPage) -> Response:
    """Show the confirmation page of a link."""
    if await find_token(request, session, raw, page.purpose) is None:
        return await show_invalid_link(request)
    return await render_without_referrer(request, "email_link.html", {"page": page, "token": raw})


async def show_invalid_link(request: Request, path: str = "/account", label: str = "Go to your account") -> Response:
    """Show that the link is invalid and how to get a new one."""
    return await render_without_referrer(
        request, "email_link_invalid.html", {"target": path, "label": label}, InvalidLink.status
    )


async def read_token(request: Request) -> str:
    """Return the token that the form of such a page sent; empty when it is none."""
    form = await parse_form(request, EmailedToken)
    return form.data.token if form.data else ""


async def render_without_referrer(request: Request, name: str, context: Context, status: int = 200) -> Response:
    """Answer with a page whose address nobody else may learn."""
    response = await render(request, name, context, status)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
