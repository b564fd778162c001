"""Email change pages: request, confirm, cancel and revert."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, RecentPageScope, Visitor
from app.accounts.credentials.one_time_tokens import InvalidLink, Purpose
from app.accounts.email_addresses import InvalidEmail
from app.accounts.lifecycle import email_change
from app.accounts.lifecycle.schemas import EmailAddress
from app.api.dependencies import DatabaseDep, SessionDep
from app.api.rate_limits import TooManyAttempts
from app.i18n import gettext, gettext_noop
from app.web.email_links import LinkPage, read_token, show_invalid_link, show_link
from app.web.forms import Form, parse_form
from app.web.templating import redirect_with_message, render, render_with_problem

router = APIRouter()

CONFIRM = LinkPage(
    Purpose.CHANGE_EMAIL,
    gettext_noop("Confirm your new email address"),
    gettext_noop("You'll sign in with your new email address from now on."),
    gettext_noop("Change email address"),
    "/email/confirm",
)
CANCEL = LinkPage(
    Purpose.CANCEL_EMAIL_CHANGE,
    gettext_noop("Cancel the email change"),
    gettext_noop(
        "Someone asked to change the email address of your account. If this wasn't you, cancel it and change your "
        "password."
    ),
    gettext_noop("Cancel the change"),
    "/email/cancel",
)
REVERT = LinkPage(
    Purpose.REVERT_EMAIL,
    gettext_noop("Restore your old email address"),
    gettext_noop(
        "This restores the email address and the second factor your account had before the change. It signs out all "
        "devices, revokes all API keys, and requires a new password."
    ),
    gettext_noop("Restore"),
    "/email/revert",
)

CANCELLED = gettext_noop("Email change canceled. If you didn't request it, change your password.")
REVERTED = gettext_noop("Your old email address was restored. We've emailed you a link to choose a new password.")


@router.get("/account/email")
async def show_email(request: Request, scope: RecentPageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show the email address and the form to change it."""
    return await render(request, "account/email.html", {"form": Form()})


@router.post("/account/email", dependencies=[CsrfProtected])
async def change_email(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, scope: RecentPageScope
) -> Response:
    """Send a confirmation link to the new address."""
    form = await parse_form(request, EmailAddress)
    if form.data is None:
        return await render(request, "account/email.html", {"form": form}, 422)
    try:
        await email_change.request(database, authenticator, scope, form.data.email, client)
    except InvalidEmail as error:
        invalid = form.with_errors(email=error.detail or gettext(error.title))
        return await render(request, "account/email.html", {"form": invalid}, error.status)
    except TooManyAttempts as problem:
        return await render_with_problem(request, "account/email.html", problem, {"form": form})
    return redirect_with_message(
        request, "/account/email", gettext("Open the link we sent to %(email)s.", email=form.data.email)
    )


@router.get("/email/confirm/{token}")
async def show_confirm_email(request: Request, session: SessionDep, token: str) -> Response:
    """Show the landing page of the link sent to the new address."""
    return await show_link(request, session, token, CONFIRM)


@router.get("/email/cancel/{token}")
async def show_cancel_email(request: Request, session: SessionDep, token: str) -> Response:
    """Show the landing page of the link sent to the current address."""
    return await show_link(request, session, token, CANCEL)


@router.get("/email/revert/{token}")
async def show_revert_email(request: Request, session: SessionDep, token: str) -> Response:
    """Show the landing page of the link sent to the previous address."""
    return await show_link(request, session, token, REVERT)


@router.post("/email/confirm", dependencies=[CsrfProtected])
async def confirm_email(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, visitor: Visitor
) -> Response:
    """Change the email address."""
    try:
        await email_change.confirm(database, authenticator, await read_token(request), client)
    except InvalidLink:
        return await show_invalid_link(request)
    return redirect_with_message(request, "/account" if visitor else "/login", gettext("Email address changed."))


@router.post("/email/cancel", dependencies=[CsrfProtected])
async def cancel_email(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, visitor: Visitor
) -> Response:
    """Cancel the change."""
    try:
        await email_change.cancel(database, authenticator, await read_token(request), client)
    except InvalidLink:
        return await show_invalid_link(request)
    return redirect_with_message(request, "/account/password" if visitor else "/password/forgot", gettext(CANCELLED))


@router.post("/email/revert", dependencies=[CsrfProtected])
async def revert_email(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient
) -> Response:
    """Revert the change."""
    try:
        await email_change.revert(database, authenticator, await read_token(request), client)
    except InvalidLink:
        return await show_invalid_link(request)
    return redirect_with_message(request, "/login", gettext(REVERTED))
