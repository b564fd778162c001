"""Sign in, refresh, sign out over HTTP."""

from fastapi import APIRouter

from app.accounts import service, sessions
from app.accounts.dependencies import AuthenticatorDep, ClientDep, CurrentScope, InvalidToken
from app.accounts.refresh import InvalidRefreshToken
from app.accounts.schemas import Login, Refresh, TokenPair
from app.accounts.service import InvalidCredentials
from app.database import DatabaseDep, SessionDep
from app.errors import documented

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", responses=documented(InvalidCredentials))
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


@router.post("/token/refresh", responses=documented(InvalidRefreshToken))
async def refresh_token(database: DatabaseDep, authenticator: AuthenticatorDep, data: Refresh) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Each refresh token works once. Repeating the same request within a few seconds gives the same answer; using it
    again later ends the session.
    """
    return await service.refresh_tokens(database, authenticator, data.refresh_token)


@router.post("/logout", status_code=204, responses=documented(InvalidToken))
async def logout(session: SessionDep, scope: CurrentScope) -> None:
    """End this session: its tokens are refused from now on."""
    await sessions.end_session(session, scope)
