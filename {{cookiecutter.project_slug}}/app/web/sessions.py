"""Where one is signed in, and what happened to the account."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts import browser, events, service, sessions
from app.accounts.browser import PageClient, PageScope
from app.accounts.csrf import CsrfChecked
from app.accounts.dependencies import AuthenticatorDep
from app.dependencies import SessionDep
from app.pagination import PageQuery
from app.web.rendering import done, render, see_other

router = APIRouter(prefix="/account")


@router.get("/sessions")
async def list_sessions(request: Request, session: SessionDep, scope: PageScope) -> Response:
    """List the sessions, with the one of this browser marked."""
    return await render(request, "account/sessions.html", {"sessions": await sessions.list_sessions(session, scope)})


@router.post("/sessions/{session_id}/end", dependencies=[CsrfChecked])
async def end_session(
    request: Request, session: SessionDep, client: PageClient, scope: PageScope, session_id: UUID
) -> Response:
    """End one of them."""
    await sessions.end_one(session, scope, session_id, client=client)
    return done(request, "/account/sessions", "The session is ended.")


@router.post("/sessions/end-others", dependencies=[CsrfChecked])
async def end_other_sessions(request: Request, session: SessionDep, client: PageClient, scope: PageScope) -> Response:
    """End all but this one."""
    await sessions.end_others(session, scope, client=client)
    return done(request, "/account/sessions", "Only this device is signed in now.")


@router.post("/sessions/end-all", dependencies=[CsrfChecked])
async def end_all_sessions(
    request: Request, session: SessionDep, authenticator: AuthenticatorDep, client: PageClient, scope: PageScope
) -> Response:
    """End all, this one too, and revoke API keys."""
    await service.logout_everywhere(session, authenticator, scope, client)
    response = see_other(request, "/login")
    browser.forget(request, response)
    return response


@router.get("/activity")
async def list_events(request: Request, session: SessionDep, scope: PageScope, page: PageQuery) -> Response:
    """List what happened to the account, newest first."""
    rows = await events.list_events(session, scope, page)
    context = {"events": rows.items, "page": page, "older": rows.next_cursor}
    return await render(request, "account/activity.html", context)
