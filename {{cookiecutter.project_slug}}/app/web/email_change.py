"""Change the e-mail address: ask for it, confirm it at the new address, stop it or take it back from the old one."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, RecentPageScope, Visitor
from app.accounts.credentials.one_time_tokens import InvalidLink, Purpose
from app.accounts.lifecycle import email_change
from app.accounts.lifecycle.schemas import EmailAddress
from app.accounts.users import InvalidEmail
from app.api.dependencies import DatabaseDep, SessionDep
from app.api.rate_limits import TooManyAttempts
from app.web.email_links import LinkPage, read_token, show_invalid_link, show_link
from app.web.forms import Form, parse_form
from app.web.templating import redirect_with_message, render, render_with_problem

router = APIRouter()

CONFIRM = LinkPage(
    Purpose.CHANGE_EMAIL,
    "Confirm your new address",
    "From now on you will sign in with the address that this mail came to.",
    "Change the address",
    "/email/confirm",
)
CANCEL = LinkPage(
    Purpose.CANCEL_EMAIL_CHANGE,
    "Stop the change of address",
    "Someone asked to change the address of your account. If that was not you, stop it, and change your password.",
    "Stop it",
    "/email/cancel",
)
REVERT = LinkPage(
    Purpose.REVERT_EMAIL,
    "Take the old address back",
    "Your account is again as it was before the change: with its old address, and the second factor that it had. "
    "Everyone is signed out, API keys are revoked, and you choose a new password.",
    "Take it back",
    "/email/revert",
)


CANCELLED = "The change is stopped. If it was not you who asked for it, choose a new password."
REVERTED = "Your old address is back. We have mailed you a link with which you choose a new password."


@router.get("/account/email")
async def show_email(request: Request, scope: RecentPageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show the address, and a form for another one."""
    return await render(request, "account/email.html", {"form": Form()})


@router.post("/account/email", dependencies=[CsrfProtected])
async def change_email(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, scope: RecentPageScope
) -> Response:
    """Mail a link to the new address."""
    form = await parse_form(request, EmailAddress)
    if form.data is None:
        return await render(request, "account/email.html", {"form": form}, 422)
    try:
        await email_change.request(database, authenticator, scope, form.data.email, client)
    except InvalidEmail as invalid:
        again = form.refused(email=invalid.detail or invalid.title)
        return await render(request, "account/email.html", {"form": again}, invalid.status)
    except TooManyAttempts as refusal:
        return await render_with_problem(request, "account/email.html", refusal, {"form": form})
    return redirect_with_message(request, "/account/email", f"Open the link that we have sent to {form.data.email}.")


@router.get("/email/confirm/{token}")
async def show_confirm_email(request: Request, session: SessionDep, token: str) -> Response:
    """Show what the link in the mail to the new address does."""
    return await show_link(request, session, token, CONFIRM)


@router.get("/email/cancel/{token}")
async def show_cancel_email(request: Request, session: SessionDep, token: str) -> Response:
    """Show what the link in the mail to the old address does."""
    return await show_link(request, session, token, CANCEL)


@router.get("/email/revert/{token}")
async def show_revert_email(request: Request, session: SessionDep, token: str) -> Response:
    """Show what the link in the mail after the change does."""
    return await show_link(request, session, token, REVERT)


@router.post("/email/confirm", dependencies=[CsrfProtected])
async def confirm_email(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, visitor: Visitor
) -> Response:
    """Change the address."""
    try:
        await email_change.confirm(database, authenticator, await read_token(request), client)
    except InvalidLink:
        return await show_invalid_link(request)
    return redirect_with_message(request, "/account" if visitor else "/login", "Your address is changed.")


@router.post("/email/cancel", dependencies=[CsrfProtected])
async def cancel_email(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, visitor: Visitor
) -> Response:
    """Stop the change."""
    try:
        await email_change.cancel(database, authenticator, await read_token(request), client)
    except InvalidLink:
        return await show_invalid_link(request)
    return redirect_with_message(request, "/account/password" if visitor else "/password/forgot", CANCELLED)


@router.post("/email/revert", dependencies=[CsrfProtected])
async def revert_email(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient
) -> Response:
    """Take the old address back."""
    try:
        await email_change.revert(database, authenticator, await read_token(request), client)
    except InvalidLink:
        return await show_invalid_link(request)
    return redirect_with_message(request, "/login", REVERTED)
