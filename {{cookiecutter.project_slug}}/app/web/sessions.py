"""Sessions and activity pages."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts import events
from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser import web_session
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, PageScope
from app.accounts.sessions import login, sessions
from app.api.dependencies import SessionDep
from app.api.pagination import PageQuery
from app.i18n import gettext
from app.web.templating import redirect_with_message, render

router = APIRouter(prefix="/account")


@router.get("/sessions")
async def list_sessions(request: Request, session: SessionDep, scope: PageScope) -> Response:
    """List the user's sessions."""
    return await render(request, "account/sessions.html", {"sessions": await sessions.list_sessions(session, scope)})


@router.post("/sessions/{session_id}/end", dependencies=[CsrfProtected])
async def end_session(
    request: Request, session: SessionDep, client: PageClient, scope: PageScope, session_id: UUID
) -> Response:
    """End one session."""
    await sessions.revoke_session(session, scope, session_id, client=client)
    return redirect_with_message(request, "/account/sessions", gettext("Session ended."))


@router.post("/sessions/end-others", dependencies=[CsrfProtected])
async def end_other_sessions(request: Request, session: SessionDep, client: PageClient, scope: PageScope) -> Response:
    """End all other sessions."""
    await sessions.revoke_other_sessions(session, scope, client=client)
    return redirect_with_message(request, "/account/sessions", gettext("You've been signed out on all other devices."))


@router.post("/sessions/end-all", dependencies=[CsrfProtected])
async def end_all_sessions(
    request: Request, session: SessionDep, authenticator: AuthenticatorDep, client: PageClient, scope: PageScope
) -> Response:
    """End all sessions, including this one, and revoke API keys."""
    await login.logout_all(session, authenticator, scope, client)
    response = redirect_with_message(request, "/login", gettext("You've been signed out on all devices."))
    web_session.clear_session_cookies(request, response)
    return response


@router.get("/activity")
async def list_events(request: Request, session: SessionDep, scope: PageScope, page: PageQuery) -> Response:
    """List the account's security events, newest first."""
    rows = await events.list_events(session, scope, page)
    context = {"events": rows.items, "page": page, "older": rows.next_cursor}
    return await render(request, "account/activity.html", context)
