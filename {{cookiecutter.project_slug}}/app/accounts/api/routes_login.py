"""Sign in, refresh, sign out, see where you are signed in and what happened, over HTTP."""

from uuid import UUID

from fastapi import APIRouter

from app.accounts import events
from app.accounts.api.dependencies import AuthenticatorDep, ClientDep, InvalidToken, SessionRequired, SessionScope
from app.accounts.credentials.refresh_tokens import InvalidRefreshToken
from app.accounts.models import AuthEvent
from app.accounts.schemas import (
    AccessToken,
    EventRead,
    Login,
    PasswordConfirmation,
    SecondFactorRequired,
    SessionRead,
    TokenPair,
    TokenRefresh,
)
from app.accounts.sessions import login as login_service
from app.accounts.sessions import reauth, sessions
from app.accounts.sessions.login import EmailNotVerified, InvalidCredentials
from app.accounts.sessions.sessions import SessionNotFound
from app.api.dependencies import DatabaseDep, SessionDep
from app.api.error_handlers import openapi_responses
from app.api.pagination import Page, PageQuery, RowPage
from app.api.rate_limits import TooManyAttempts

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", responses=openapi_responses(InvalidCredentials, EmailNotVerified, TooManyAttempts))
async def login(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: Login
) -> TokenPair | SecondFactorRequired:
    """Exchange an e-mail address and its password for an access token and a refresh token.

    With a second factor, the answer is a challenge instead, to be sent with a code.
    """
    password = data.password.get_secret_value()
    user = await login_service.authenticate(database, authenticator, data.email, password, client)
    return await login_service.login(database, authenticator, user, client)


@router.post("/token/refresh", responses=openapi_responses(InvalidRefreshToken))
async def refresh_token(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: TokenRefresh
) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Each refresh token works once. Repeating the same request within a few seconds gives the same answer; using it
    again later ends the session.
    """
    return await login_service.refresh(database, authenticator, data.refresh_token, client)


@router.post("/reauth", responses=openapi_responses(InvalidCredentials, SessionRequired, TooManyAttempts))
async def reauthenticate(
    database: DatabaseDep,
    authenticator: AuthenticatorDep,
    scope: SessionScope,
    client: ClientDep,
    data: PasswordConfirmation,
) -> AccessToken:
    """Prove again who you are, when a dangerous change asks for it; the answer is an access token that says so."""
    password = data.password.get_secret_value()
    proven_at = await reauth.reauthenticate(database, authenticator, scope, password, client)
    return login_service.issue_access_token(authenticator, scope.user_id, scope.session_id, proven_at)


@router.post("/logout", status_code=204, responses=openapi_responses(InvalidToken, SessionRequired))
async def logout(session: SessionDep, scope: SessionScope, client: ClientDep) -> None:
    """End this session: its tokens are refused from now on."""
    await login_service.logout(session, scope, client)


@router.post("/logout-all", status_code=204, responses=openapi_responses(InvalidToken, SessionRequired))
async def logout_all(
    session: SessionDep, authenticator: AuthenticatorDep, scope: SessionScope, client: ClientDep
) -> None:
    """End all your sessions, this one too, and revoke your API keys."""
    await login_service.logout_everywhere(session, authenticator, scope, client)


@router.get("/sessions", responses=openapi_responses(InvalidToken, SessionRequired))
async def list_own_sessions(session: SessionDep, scope: SessionScope) -> list[SessionRead]:
    """List where you are signed in, newest first."""
    return await sessions.list_sessions(session, scope)


@router.delete("/sessions", status_code=204, responses=openapi_responses(InvalidToken, SessionRequired))
async def end_other_sessions(session: SessionDep, scope: SessionScope, client: ClientDep) -> None:
    """End all your sessions but this one; your API keys go on."""
    await sessions.revoke_other_sessions(session, scope, client=client)


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    responses=openapi_responses(InvalidToken, SessionRequired, SessionNotFound),
)
async def end_one_session(session: SessionDep, scope: SessionScope, client: ClientDep, session_id: UUID) -> None:
    """End one of your sessions."""
    await sessions.revoke_session(session, scope, session_id, client=client)


@router.get("/events", response_model=Page[EventRead], responses=openapi_responses(InvalidToken, SessionRequired))
async def list_own_events(session: SessionDep, scope: SessionScope, page: PageQuery) -> RowPage[AuthEvent]:
    """List what happened to your account, newest first."""
    return await events.list_events(session, scope, page)
