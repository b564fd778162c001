"""Change one's own password."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts import browser, recovery
from app.accounts.browser import PageClient, PageScope
from app.accounts.csrf import CsrfChecked
from app.accounts.dependencies import AuthenticatorDep
from app.accounts.schemas_account import PasswordChange
from app.accounts.service import InvalidCredentials
from app.dependencies import DatabaseDep
from app.throttle import TooManyAttempts
from app.web.forms import Form, read_form
from app.web.recovery import WEAK_PASSWORD
from app.web.rendering import done, refuse, render

router = APIRouter(prefix="/account/password")

TEMPLATE = "account/password.html"
NOT_YOURS = "This is not your password."


@router.get("")
async def show_change_password(request: Request, scope: PageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show the form."""
    return await render(request, TEMPLATE, {"form": Form()})


@router.post("", dependencies=[CsrfChecked])
async def change_password(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, scope: PageScope
) -> Response:
    """Change it; this session goes on under another id, the others end, and so do API keys unless they are kept."""
    form = await read_form(request, PasswordChange)
    if form.data is None:
        return await render(request, TEMPLATE, {"form": form}, 422)
    try:
        await recovery.change_password(database, authenticator, scope, form.data, client)
    except InvalidCredentials as wrong:
        again = form.refused(current_password=NOT_YOURS)
        return await render(request, TEMPLATE, {"form": again}, wrong.status)
    except WEAK_PASSWORD as weak:
        again = form.refused(new_password=weak.detail or weak.title)
        return await render(request, TEMPLATE, {"form": again}, weak.status)
    except TooManyAttempts as refusal:
        return await refuse(request, TEMPLATE, refusal, {"form": form})
    response = done(request, "/account/password", "Your password was changed.")
    await browser.renew_session(request, response)
    return response
