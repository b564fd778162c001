"""Forgot the password: ask for a link, and choose a new password with it."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import recovery
from app.accounts.browser import PageClient
from app.accounts.csrf import CsrfChecked
from app.accounts.dependencies import AuthenticatorDep
from app.accounts.one_time import InvalidLink, Purpose
from app.accounts.password_policy import PasswordTooCommon, PasswordTooShort
from app.accounts.passwords import PasswordTooLong
from app.accounts.schemas_account import Address, PasswordReset
from app.dependencies import DatabaseDep, SessionDep
from app.throttle import TooManyAttempts
from app.web.forms import Form, read_form
from app.web.links import find_link, render_privately, show_invalid_link
from app.web.rendering import done, refuse, render, see_other

router = APIRouter(prefix="/password")

WEAK_PASSWORD = (PasswordTooCommon, PasswordTooLong, PasswordTooShort)
"""Why a new password may be refused; the reason belongs beside its field."""


@router.get("/forgot")
async def show_forgot_password(request: Request) -> Response:
    """Show the form that asks for a link."""
    return await render(request, "forgot.html", {"form": Form()})


@router.post("/forgot", dependencies=[CsrfChecked])
async def forgot_password(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient
) -> Response:
    """Mail the link, and say the same whether there is such an account or not."""
    form = await read_form(request, Address)
    if form.data is None:
        return await render(request, "forgot.html", {"form": form}, 422)
    try:
        await recovery.forgot_password(database, authenticator, form.data.email, client)
    except TooManyAttempts as refusal:
        return await refuse(request, "forgot.html", refusal, {"form": form})
    return see_other(request, "/password/sent")


@router.get("/sent")
async def show_reset_sent(request: Request) -> Response:
    """Say where to look now."""
    return await render(request, "forgot_sent.html")


@router.get("/reset/{token}")
async def show_reset_password(request: Request, session: SessionDep, token: str) -> Response:
    """Show the form for a new password; opening it changes nothing."""
    return await _show_reset(request, session, token, Form())


@router.post("/reset", dependencies=[CsrfChecked])
async def reset_password(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient
) -> Response:
    """Set the password, and let them sign in with it."""
    form = await read_form(request, PasswordReset)
    if form.data is not None:
        token, password = (form.data.token, form.data.password.get_secret_value())
        try:
            await recovery.reset_password(database, authenticator, token, password, client)
        except InvalidLink:
            return await _show_invalid(request)
        except WEAK_PASSWORD as weak:
            form = form.refused(password=weak.detail or weak.title)
        else:
            return done(request, "/login", "Your new password is set. Sign in with it.")
    async with database.reads() as session:
        return await _show_reset(request, session, form.value("token"), form)


async def _show_reset(request: Request, session: AsyncSession, raw: str, form: Form[PasswordReset]) -> Response:
    found = await find_link(request, session, raw, Purpose.RESET_PASSWORD)
    if found is None:
        return await _show_invalid(request)
    context = {"form": form, "token": raw, "email": found.sent_to}
    return await render_privately(request, "reset.html", context, 422 if form.errors else 200)


async def _show_invalid(request: Request) -> Response:
    return await show_invalid_link(request, "/password/forgot", "Ask for another link")
