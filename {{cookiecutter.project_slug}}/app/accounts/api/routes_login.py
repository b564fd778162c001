"""API routes for sign-in, token refresh, sign-out, sessions and activity."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from app.accounts import events
from app.accounts.api.dependencies import AuthenticatorDep, ClientDep, InvalidToken, SessionRequired, SessionScope
from app.accounts.credentials.refresh_tokens import InvalidRefreshToken
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
from app.api.pagination import Page, PageQuery
from app.api.rate_limits import TooManyAttempts

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", responses=openapi_responses(InvalidCredentials, EmailNotVerified, TooManyAttempts))
async def login(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: Login
) -> Annotated[TokenPair | SecondFactorRequired, Field(discriminator="token_type")]:
    """Sign in with an email address and password.

    Returns an access token and a refresh token. If the account has a second factor, the response is a challenge to
    send back with a code.
    """
    password = data.password.get_secret_value()
    user = await login_service.authenticate(database, authenticator, data.email, password, client)
    return await login_service.login(database, authenticator, user, client)


@router.post("/token/refresh", responses=openapi_responses(InvalidRefreshToken))
async def refresh_token(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: TokenRefresh
) -> TokenPair:
    """Exchange a refresh token for a new pair of tokens.

    Refresh tokens are single-use. A retry within `AUTH_REFRESH_GRACE` gets the same response; later reuse revokes the
    session.
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
    """Confirm your password before a sensitive action. Returns a new access token."""
    password = data.password.get_secret_value()
    authenticated_at = await reauth.reauthenticate(database, authenticator, scope, password, client)
    return login_service.issue_access_token(authenticator, scope.user_id, scope.session_id, authenticated_at)


@router.post("/logout", status_code=204, responses=openapi_responses(InvalidToken, SessionRequired))
async def logout(session: SessionDep, scope: SessionScope, client: ClientDep) -> None:
    """Sign out. Ends this session and revokes its tokens."""
    await login_service.logout(session, scope, client)


@router.post("/logout-all", status_code=204, responses=openapi_responses(InvalidToken, SessionRequired))
async def logout_all(
    session: SessionDep, authenticator: AuthenticatorDep, scope: SessionScope, client: ClientDep
) -> None:
    """Sign out everywhere. Ends all sessions, including this one, and revokes your API keys."""
    await login_service.logout_all(session, authenticator, scope, client)


@router.get("/sessions", responses=openapi_responses(InvalidToken, SessionRequired))
async def list_own_sessions(session: SessionDep, scope: SessionScope) -> list[SessionRead]:
    """List your sessions, newest first."""
    return await sessions.list_sessions(session, scope)


@router.delete("/sessions", status_code=204, responses=openapi_responses(InvalidToken, SessionRequired))
async def end_other_sessions(session: SessionDep, scope: SessionScope, client: ClientDep) -> None:
    """End all other sessions. API keys are not affected."""
    await sessions.revoke_other_sessions(session, scope, client=client)


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    responses=openapi_responses(InvalidToken, SessionRequired, SessionNotFound),
)
async def end_one_session(session: SessionDep, scope: SessionScope, client: ClientDep, session_id: UUID) -> None:
    """End one of your sessions."""
    await sessions.revoke_session(session, scope, session_id, client=client)


@router.get("/events", responses=openapi_responses(InvalidToken, SessionRequired))
async def list_own_events(session: SessionDep, scope: SessionScope, page: PageQuery) -> Page[EventRead]:
    """List your account's activity, newest first."""
    return await events.list_events(session, scope, page)
