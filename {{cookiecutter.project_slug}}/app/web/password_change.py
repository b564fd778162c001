"""Password change page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser import web_session
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, PageScope
from app.accounts.lifecycle import password_reset
from app.accounts.lifecycle.schemas import PasswordChange
from app.accounts.sessions.login import InvalidCredentials
from app.api.dependencies import DatabaseDep
from app.api.rate_limits import TooManyAttempts
from app.web.forms import Form, parse_form
from app.web.password_reset import PASSWORD_ERRORS
from app.web.templating import redirect_with_message, render, render_with_problem

router = APIRouter(prefix="/account/password")

TEMPLATE = "account/password.html"
WRONG_PASSWORD = "Incorrect password."  # noqa: S105 - a message


@router.get("")
async def show_change_password(request: Request, scope: PageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show the form."""
    return await render(request, TEMPLATE, {"form": Form()})


@router.post("", dependencies=[CsrfProtected])
async def change_password(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, scope: PageScope
) -> Response:
    """Change it; this session goes on under another id, the others end, and so do API keys unless they are kept."""
    form = await parse_form(request, PasswordChange)
    if form.data is None:
        return await render(request, TEMPLATE, {"form": form}, 422)
    try:
        await password_reset.change_password(database, authenticator, scope, form.data, client)
    except InvalidCredentials as wrong:
        again = form.with_errors(current_password=WRONG_PASSWORD)
        return await render(request, TEMPLATE, {"form": again}, wrong.status)
    except PASSWORD_ERRORS as weak:
        again = form.with_errors(new_password=weak.detail or weak.title)
        return await render(request, TEMPLATE, {"form": again}, weak.status)
    except TooManyAttempts as refusal:
        return await render_with_problem(request, TEMPLATE, refusal, {"form": form})
    response = redirect_with_message(request, "/account/password", "Password changed.")
    await web_session.regenerate_session(request, response)
    return response
