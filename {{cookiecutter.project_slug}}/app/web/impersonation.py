"""Ends an impersonation; every page has the button for it."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser import cookies
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, PageScope
from app.accounts.permissions import Permission
from app.accounts.sessions import impersonation
from app.api.dependencies import DatabaseDep
from app.database.base import utc_now
from app.web.templating import see_other

router = APIRouter(prefix="/impersonation")


@router.post("/end", dependencies=[CsrfProtected])
async def end_impersonation(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, scope: PageScope, client: PageClient
) -> Response:
    """End the impersonation, restore the administrator's own session and redirect to the user's page in the admin."""
    async with database.sessions.begin() as session:
        ended = await impersonation.end(session, authenticator, scope, client)
    if ended is None:
        return see_other(request, "/account")
    own, raw = ended
    may_see_user = scope.impersonator is not None and scope.impersonator.has_permission(Permission.USERS_READ)
    response = see_other(request, f"/admin/user/detail?pk={scope.user_id}" if may_see_user else "/admin/")
    cookies.set_cookie(request, response, cookies.SESSION, raw, own.expires_at - utc_now() if own.remember else None)
    return response
