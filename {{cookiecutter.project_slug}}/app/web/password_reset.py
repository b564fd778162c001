"""Password reset pages."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient
from app.accounts.credentials.one_time_tokens import InvalidLink, Purpose
from app.accounts.credentials.password_policy import PasswordTooCommon, PasswordTooShort
from app.accounts.credentials.passwords import PasswordTooLong
from app.accounts.lifecycle import password_reset
from app.accounts.lifecycle.schemas import EmailAddress, PasswordReset
from app.api.dependencies import DatabaseDep, SessionDep
from app.api.rate_limits import TooManyAttempts
from app.i18n import gettext, gettext_noop
from app.web.email_links import find_token, render_without_referrer, show_invalid_link
from app.web.forms import Form, parse_form
from app.web.templating import redirect_with_message, render, render_with_problem, see_other

router = APIRouter(prefix="/password")

PASSWORD_ERRORS = (PasswordTooCommon, PasswordTooLong, PasswordTooShort)
"""Errors of a new password, to show next to its field."""


@router.get("/forgot")
async def show_forgot_password(request: Request) -> Response:
    """Show the form to request a reset link."""
    return await render(request, "password_forgot.html", {"form": Form()})


@router.post("/forgot", dependencies=[CsrfProtected])
async def forgot_password(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient
) -> Response:
    """Send a reset link; the response is the same if the account doesn't exist."""
    form = await parse_form(request, EmailAddress)
    if form.data is None:
        return await render(request, "password_forgot.html", {"form": form}, 422)
    try:
        await password_reset.request_password_reset(database, authenticator, form.data.email, client)
    except TooManyAttempts as problem:
        return await render_with_problem(request, "password_forgot.html", problem, {"form": form})
    return see_other(request, "/password/sent")


@router.get("/sent")
async def show_reset_sent(request: Request) -> Response:
    """Ask the user to check their email."""
    return await render(request, "password_forgot_sent.html")


@router.get("/reset/{token}")
async def show_reset_password(request: Request, session: SessionDep, token: str) -> Response:
    """Show the form for a new password."""
    return await _show_reset(request, session, token, Form())


@router.post("/reset", dependencies=[CsrfProtected])
async def reset_password(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient
) -> Response:
    """Set the password and redirect to the sign-in page."""
    form = await parse_form(request, PasswordReset)
    if form.data is not None:
        token, password = (form.data.token, form.data.password.get_secret_value())
        try:
            await password_reset.reset_password(database, authenticator, token, password, client)
        except InvalidLink:
            return await _show_invalid(request)
        except PASSWORD_ERRORS as error:
            form = form.with_errors(password=error.detail or gettext(error.title))
        else:
            return redirect_with_message(
                request, "/login", gettext("Password changed. Sign in with your new password.")
            )
    async with database.read_sessions() as session:
        return await _show_reset(request, session, form.value("token"), form)


async def _show_reset(request: Request, session: AsyncSession, raw: str, form: Form[PasswordReset]) -> Response:
    found = await find_token(request, session, raw, Purpose.RESET_PASSWORD)
    if found is None:
        return await _show_invalid(request)
    context = {"form": form, "token": raw, "email": found.sent_to}
    return await render_without_referrer(request, "password_reset.html", context, form.status)


async def _show_invalid(request: Request) -> Response:
    return await show_invalid_link(request, "/password/forgot", gettext_noop("Request another link"))
