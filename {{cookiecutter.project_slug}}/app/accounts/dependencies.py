"""What a route of the API asks for: the caller, from the bearer token and nothing else."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.accounts import sessions
from app.accounts.authenticator import Authenticator
from app.accounts.permissions import Permission
from app.accounts.scope import Client, Scope
from app.accounts.tokens import TokenError, TokenExpired
from app.database import DatabaseDep
from app.errors import Forbidden, Unauthorized

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="An access token from /api/v1/auth/login")


class InvalidToken(Unauthorized):
    """The access token is missing its mark, or its session is over."""

    title = "Invalid access token"
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # noqa: RUF012 - RFC 6750 §3


class ExpiredToken(InvalidToken):
    """The access token's time is over; refresh it."""

    title = "Access token expired"


class PermissionMissing(Forbidden):
    """None of the caller's roles allows this."""

    title = "Permission missing"


def get_authenticator(request: Request) -> Authenticator:
    """Return the authenticator of this process."""
    authenticator: Authenticator = request.state.authenticator
    return authenticator


AuthenticatorDep = Annotated[Authenticator, Depends(get_authenticator)]


async def get_scope(
    database: DatabaseDep,
    authenticator: AuthenticatorDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Scope:
    """Return the caller behind the bearer token.

    Raises:
        Unauthorized: without a token.
        InvalidToken: with one that is wrong, expired, or of an ended session.
    """
    if credentials is None:
        raise Unauthorized
    try:
        claims = authenticator.tokens.verify(credentials.credentials)
    except TokenExpired as error:
        raise ExpiredToken from error
    except TokenError as error:
        raise InvalidToken from error
    scope = await sessions.find_api_caller(database, claims.session_id)
    if scope is None or scope.user_id != claims.subject:
        raise InvalidToken
    return scope


CurrentScope = Annotated[Scope, Depends(get_scope)]


def require(permission: Permission) -> Callable[[Scope], Awaitable[Scope]]:
    """Make a dependency that lets through who may: `Depends(require(Permission.ADMIN_ACCESS))`."""

    async def check(scope: CurrentScope) -> Scope:
        if not scope.may(permission):
            raise PermissionMissing
        return scope

    return check


async def get_client(request: Request) -> Client:
    """Return where the request came from; behind a proxy, as `SERVER_TRUSTED_PROXIES` allows."""
    ip = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")
    return Client(ip[:45], agent[:255], request.state.request_id)


ClientDep = Annotated[Client, Depends(get_client)]
