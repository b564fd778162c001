"""FastAPI dependencies for the caller, authenticated by bearer token.

OptionalScope   anonymous callers are allowed: for public content
CurrentScope    requires an access token of a session, or a limited token such as an API key
SessionScope    requires an access token of a session: for what limited tokens must never do
RecentScope     requires recent authentication, too: for sensitive actions
"""

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, cast

from fastapi import Depends, params
from fastapi.requests import HTTPConnection
from fastapi.security.utils import get_authorization_scheme_param

from app.accounts.api.caller_dependency import CallerDependency
from app.accounts.credentials.access_tokens import TokenError, TokenExpired
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.permissions import BasePermission
from app.accounts.scope import Client, Scope
from app.accounts.sessions import authentication, reauth
from app.api.dependencies import get_database
from app.api.live_connections import Credential, set_credential
from app.api.middleware import SAFE_METHODS
from app.database.connection import Database
from app.errors import Forbidden, Unauthorized

logger = logging.getLogger(__name__)
_TRUST_IT = "If this is your reverse proxy, add its address to SERVER_TRUSTED_PROXIES."


class InvalidToken(Unauthorized):
    """The access token is invalid, or its session has ended."""

    title = "Invalid bearer token"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # RFC 6750 §3


class ExpiredToken(InvalidToken):
    """The access token has expired; refresh it."""

    title = "Access token expired"


class PermissionDenied(Forbidden):
    """The caller's roles or token don't grant this permission."""

    title = "Permission denied"


class SessionRequired(Forbidden):
    """A session is required; limited tokens such as API keys are not accepted."""

    title = "This token can't be used here. Sign in"


def get_authenticator(connection: HTTPConnection) -> Authenticator:
    """Return the authenticator of this process."""
    return cast(Authenticator, connection.scope["state"]["authenticator"])  # faster than `connection.state`


async def _provide_authenticator(connection: HTTPConnection) -> Authenticator:
    return get_authenticator(connection)  # as in app/api/dependencies.py


AuthenticatorDep = Annotated[Authenticator, Depends(_provide_authenticator)]


def get_client(connection: HTTPConnection) -> Client:
    """Return the client's IP address and user agent; X-Forwarded-For is used only from `SERVER_TRUSTED_PROXIES`."""
    ip = connection.client.host if connection.client else ""
    forwarded = connection.headers.get("x-forwarded-for")
    if forwarded and ip not in map(str.strip, forwarded.split(",")):  # otherwise Uvicorn took the IP from there
        _warn_of_proxy(connection, ip)
    agent = connection.headers.get("user-agent", "")
    return Client(ip[:45], agent[:255], connection.state.request_id)


def _warn_of_proxy(connection: HTTPConnection, ip: str) -> None:
    """Warn once about an untrusted proxy."""
    if not getattr(connection.app.state, "has_warned_of_proxy", False):
        connection.app.state.has_warned_of_proxy = True
        logger.warning("X-Forwarded-For from %s is ignored, so all its clients share one rate limit. %s", ip, _TRUST_IT)


async def _provide_client(connection: HTTPConnection) -> Client:
    return get_client(connection)


ClientDep = Annotated[Client, Depends(_provide_client)]


@CallerDependency
async def get_optional_scope(connection: HTTPConnection) -> Scope | None:
    """Return the caller of the bearer token, or None without a token; cached per request.

    Raises:
        InvalidToken: when it is invalid or expired, or its session has ended.
        PermissionDenied: when a limited token lacks the scope `read` or `write`; WebSockets require both.
    """
    return await _find_caller(connection, "bearer")


@CallerDependency
async def get_scope(connection: HTTPConnection) -> Scope:
    """Return the caller.

    Raises:
        Unauthorized: without a token.
    """
    scope = await get_optional_scope(connection)
    if scope is None:
        raise Unauthorized
    return scope


@CallerDependency
async def get_session_scope(connection: HTTPConnection) -> Scope:
    """Return the caller.

    Raises:
        SessionRequired: when it is a limited token.
    """
    scope = await get_scope(connection)
    if scope.token_scopes is not None:
        raise SessionRequired
    return scope


@CallerDependency
async def get_recent_scope(connection: HTTPConnection) -> Scope:
    """Return the caller.

    Raises:
        ReauthenticationRequired: when they authenticated too long ago.
    """
    scope = await get_session_scope(connection)
    reauth.require_recent_authentication(get_authenticator(connection), scope)
    return scope


OptionalScope = Annotated[Scope | None, Depends(get_optional_scope)]
CurrentScope = Annotated[Scope, Depends(get_scope)]
SessionScope = Annotated[Scope, Depends(get_session_scope)]
RecentScope = Annotated[Scope, Depends(get_recent_scope)]


def require_permission(permission: BasePermission) -> CallerDependency[Scope]:
    """Return a dependency that requires a permission: `Depends(require_permission(Permission.ADMIN_ACCESS))`."""

    @CallerDependency
    async def check(connection: HTTPConnection) -> Scope:
        scope = await get_scope(connection)
        if not scope.has_permission(permission):
            raise PermissionDenied
        return scope

    return check


def accept_schemes(*schemes: str) -> params.Depends:
    """Return a dependency for a router: its routes accept tokens of these schemes, in lowercase, in `Authorization`.

    `APIRouter(dependencies=[accept_schemes("bearer", "token")])`. It runs before the dependencies of the routes, and
    the caller is cached for the request, so their `CurrentScope` or `OptionalScope` is this caller.
    """

    async def accept(connection: HTTPConnection) -> None:
        await _find_caller(connection, *schemes)

    return params.Depends(accept)


async def _find_caller(connection: HTTPConnection, *schemes: str) -> Scope | None:
    state = connection.scope["state"]
    if "caller" not in state:
        kind, token = get_authorization_scheme_param(connection.headers.get("authorization"))
        is_token = kind.lower() in schemes and token
        state["caller"] = await authenticate_token(connection, token) if is_token else None
    return cast(Scope | None, state["caller"])


async def authenticate_token(connection: HTTPConnection, token: str) -> Scope:
    """Return the caller of an access token or of another type of bearer token.

    Raises:
        InvalidToken: when it is invalid or expired, or its session has ended.
        PermissionDenied: when a limited token lacks the scope `read` or `write`; WebSockets require both.
    """
    database, authenticator = get_database(connection), get_authenticator(connection)
    scheme = next((scheme for scheme in authenticator.bearer_schemes if token.startswith(scheme.prefix)), None)
    if scheme is not None:
        scope = await scheme.authenticate(database, authenticator, token, get_client(connection))
        find_callers, expires_at = scheme.find_callers, None
    else:
        scope, expires_at = await _find_session(database, authenticator, token)
        find_callers = authentication.find_callers
    if scope is None:
        raise InvalidToken
    set_credential(connection.scope, Credential(scope, find_callers, expires_at))
    if scope.token_scopes is not None and not _required_scopes(connection) <= scope.token_scopes:
        raise PermissionDenied
    return scope


def _required_scopes(connection: HTTPConnection) -> AbstractSet[str]:
    if connection.scope["type"] == "websocket":
        return {"read", "write"}
    return {"read"} if connection.scope["method"] in SAFE_METHODS else {"write"}


async def _find_session(database: Database, authenticator: Authenticator, token: str) -> tuple[Scope | None, int]:
    """Return the caller of an access token and when it expires, as a Unix timestamp.

    Raises:
        InvalidToken: when it is invalid.
        ExpiredToken: when it has expired.
    """
    try:
        claims = authenticator.tokens.verify(token)
    except TokenExpired as error:
        raise ExpiredToken from error
    except TokenError as error:
        raise InvalidToken from error
    scope = await authentication.authenticate_session_id(database, claims.session_id)
    return scope if scope is not None and scope.user_id == claims.subject else None, claims.expires_at
