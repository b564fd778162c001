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
from app.i18n import gettext, gettext_noop
from app.web.forms import Form, parse_form
from app.web.password_reset import PASSWORD_ERRORS
from app.web.templating import redirect_with_message, render, render_with_problem

router = APIRouter(prefix="/account/password")

TEMPLATE = "account/password.html"
WRONG_PASSWORD = gettext_noop("Incorrect password.")


@router.get("")
async def show_change_password(request: Request, scope: PageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show the password change form."""
    return await render(request, TEMPLATE, {"form": Form()})


@router.post("", dependencies=[CsrfProtected])
async def change_password(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, scope: PageScope
) -> Response:
    """Change the password. Ends all other sessions, and revokes API keys unless the user keeps them."""
    form = await parse_form(request, PasswordChange)
    if form.data is None:
        return await render(request, TEMPLATE, {"form": form}, 422)
    try:
        await password_reset.change_password(database, authenticator, scope, form.data, client)
    except InvalidCredentials as error:
        form = form.with_errors(current_password=gettext(WRONG_PASSWORD))
        return await render(request, TEMPLATE, {"form": form}, error.status)
    except PASSWORD_ERRORS as error:
        form = form.with_errors(new_password=error.detail or gettext(error.title))
        return await render(request, TEMPLATE, {"form": form}, error.status)
    except TooManyAttempts as problem:
        return await render_with_problem(request, TEMPLATE, problem, {"form": form})
    response = redirect_with_message(request, "/account/password", gettext("Password changed."))
    await web_session.regenerate_session(request, response)
    return response
