"""API routes for front ends in a browser: as in `routes_login.py`, with the refresh token in a cookie."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from app.accounts.api import refresh_cookie
from app.accounts.api.dependencies import AuthenticatorDep, ClientDep
from app.accounts.api.refresh_cookie import OriginNotAllowed, RefreshCookieDep
from app.accounts.credentials.refresh_tokens import InvalidRefreshToken
from app.accounts.schemas import AccessToken, Login, SecondFactorRequired
from app.accounts.sessions import login as login_service
from app.accounts.sessions.login import EmailNotVerified, InvalidCredentials
from app.api.dependencies import DatabaseDep
from app.api.error_handlers import openapi_responses
from app.api.rate_limits import TooManyAttempts

router = APIRouter(prefix=refresh_cookie.PREFIX, tags=["auth"])


@router.post(
    "/login", responses=openapi_responses(InvalidCredentials, EmailNotVerified, OriginNotAllowed, TooManyAttempts)
)
async def cookie_login(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, cookie: RefreshCookieDep, data: Login
) -> Annotated[AccessToken | SecondFactorRequired, Field(discriminator="token_type")]:
    """Sign in from a browser.

    Returns an access token, and sets the refresh token as an HttpOnly cookie. If the account has a second factor, the
    response is a challenge for `POST /api/v1/auth/cookie/second-factor`.
    """
    password = data.password.get_secret_value()
    user = await login_service.authenticate(database, authenticator, data.email, password, client)
    result = await login_service.login(database, authenticator, user, client)
    return result if isinstance(result, SecondFactorRequired) else cookie.store(result)


@router.post("/refresh", responses=openapi_responses(InvalidRefreshToken, OriginNotAllowed))
async def cookie_refresh(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, cookie: RefreshCookieDep
) -> AccessToken:
    """Get a new access token for the refresh token in the cookie, which is replaced."""
    return cookie.store(await login_service.refresh(database, authenticator, cookie.token, client))


@router.post("/logout", status_code=204, responses=openapi_responses(OriginNotAllowed))
async def cookie_logout(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, cookie: RefreshCookieDep
) -> None:
    """Sign out of a browser. Ends the session of the refresh token in the cookie, if any, and deletes the cookie."""
    await login_service.logout_by_refresh_token(database, authenticator, cookie.token, client)
    cookie.delete()
