"""API docs in the site's layout, with an access token for signed-in users."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageScope
from app.accounts.schemas import AccessToken
from app.accounts.sessions import login
from app.api import docs
from app.web.templating import render

router = APIRouter(prefix="/docs")


@router.get("")
async def show_docs(request: Request) -> Response:
    """Show Swagger UI and the forms to authorize."""
    offers_form = docs.offers_password_form(request.state.settings)
    response = await render(request, "docs.html", {"offers_password_form": offers_form})
    response.headers["Content-Security-Policy"] = docs.CONTENT_SECURITY_POLICY
    return response


@router.post("/token", dependencies=[CsrfProtected])
async def issue_docs_token(authenticator: AuthenticatorDep, scope: PageScope) -> AccessToken:
    """Issue an access token for the user's session; it is revoked with the session and can't be refreshed."""
    scope.forbid_impersonation()
    return login.issue_access_token(authenticator, scope.user_id, scope.session_id, scope.authenticated_at)
