"""Accounts over HTTP: sign in, refresh, sign out, your own account."""

from typing import Any

from fastapi import APIRouter, Response

from app.accounts import service, sessions, users
from app.accounts.dependencies import AuthenticatorDep, ClientDep, CurrentScope, InvalidToken
from app.accounts.models import User
from app.accounts.refresh import InvalidRefreshToken
from app.accounts.schemas import AccountRead, AccountUpdate, Login, Refresh, TokenPair
from app.accounts.service import InvalidCredentials
from app.database import DatabaseDep, SessionDep
from app.errors import VersionConflict, documented
from app.http import IfMatch, check_version, tagged

router = APIRouter()
keys_router = APIRouter(tags=["auth"])


@router.post("/auth/login", tags=["auth"], responses=documented(InvalidCredentials))
async def login(
    session: SessionDep,
    database: DatabaseDep,
    authenticator: AuthenticatorDep,
    client: ClientDep,
    data: Login,
) -> TokenPair:
    """Exchange an e-mail address and its password for an access token and a refresh token."""
    password = data.password.get_secret_value()
    user = await service.authenticate(database, authenticator, data.email, password)
    return await service.login(session, authenticator, user, client)


@router.post("/auth/token/refresh", tags=["auth"], responses=documented(InvalidRefreshToken))
async def refresh_token(database: DatabaseDep, authenticator: AuthenticatorDep, data: Refresh) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Each refresh token works once. Repeating the same request within a few seconds gives the same answer; using it
    again later ends the session.
    """
    return await service.refresh_tokens(database, authenticator, data.refresh_token)


@router.post("/auth/logout", tags=["auth"], status_code=204, responses=documented(InvalidToken))
async def logout(session: SessionDep, scope: CurrentScope) -> None:
    """End this session: its tokens are refused from now on."""
    await sessions.end_session(session, scope)


@router.get("/users/me", tags=["users"], response_model=AccountRead, responses=documented(InvalidToken))
async def read_account(session: SessionDep, scope: CurrentScope, response: Response) -> User:
    """Read your account."""
    return tagged(response, await users.get_account(session, scope))


@router.patch(
    "/users/me",
    tags=["users"],
    response_model=AccountRead,
    responses=documented(InvalidToken, VersionConflict),
)
async def update_account(
    session: SessionDep,
    scope: CurrentScope,
    response: Response,
    data: AccountUpdate,
    if_match: IfMatch = None,
) -> User:
    """Change the fields you send; the others keep their values."""
    check_version(await users.get_account(session, scope), if_match)
    return tagged(response, await users.update_account(session, scope, data))


@keys_router.get("/.well-known/jwks.json")
async def read_keys(authenticator: AuthenticatorDep, response: Response) -> dict[str, Any]:
    """Read the public keys that verify access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return authenticator.tokens.jwks()
