"""Browser authentication with a session cookie.

The pages and the admin share this: one session, one sign-in. The API doesn't read its cookies.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.requests import HTTPConnection

from app import i18n
from app.accounts.api.dependencies import PermissionDenied, get_authenticator, get_client
from app.accounts.browser import cookies, csrf
from app.accounts.credentials import device_cookies
from app.accounts.models import User
from app.accounts.permissions import BasePermission
from app.accounts.schemas import Login
from app.accounts.scope import Client, Scope
from app.accounts.sessions import authentication, login_tracking, reauth, sessions
from app.accounts.sessions import login as login_service
from app.accounts.sessions.authentication import AuthenticatedSession
from app.api.dependencies import get_database
from app.api.live_connections import Credential, set_credential
from app.api.middleware import SAFE_METHODS
from app.database.base import utc_now
from app.errors import Unauthorized

_DEVICE_COOKIE_MAX_AGE = timedelta(days=400)  # the maximum browsers allow
_CHALLENGE_MAX_AGE = timedelta(minutes=10)


class LoginRequired(Unauthorized):
    """Sign-in is required; redirects to `/login` and back."""

    title = "Sign-in required"


async def find_visitor(connection: HTTPConnection) -> Scope | None:
    """Return the user of the session cookie, and translate into their language; cached per request."""
    state = connection.state
    if not hasattr(state, "visitor"):
        raw, ip = cookies.get_cookie(connection, cookies.SESSION), get_client(connection).ip
        database, authenticator = get_database(connection), get_authenticator(connection)
        current = await authentication.authenticate_web_session(database, authenticator, raw, ip) if raw else None
        state.auth_session, state.visitor = current, current and current.scope
        if current is not None:
            set_credential(connection.scope, Credential(current.scope, authentication.find_callers))
        state.locale = _choose_locale(connection, state.visitor)
    visitor: Scope | None = state.visitor
    i18n.set_locale(state.locale)
    return visitor


def _choose_locale(connection: HTTPConnection, visitor: Scope | None) -> str:
    cookie = cookies.get_cookie(connection, cookies.LOCALE)
    return i18n.choose_locale(
        visitor.locale if visitor else None, cookie, connection.headers.get("accept-language", "")
    )


async def require_visitor(connection: HTTPConnection) -> Scope:
    """Return the caller.

    Raises:
        LoginRequired: when the user isn't signed in.
    """
    visitor = await find_visitor(connection)
    if visitor is None:
        raise LoginRequired
    return visitor


Visitor = Annotated[Scope | None, Depends(find_visitor)]
PageScope = Annotated[Scope, Depends(require_visitor)]


async def get_page_client(connection: HTTPConnection, visitor: Visitor) -> Client:
    """Return the client, including the impersonating admin, if any."""
    client = get_client(connection)
    return client._replace(actor_id=visitor.impersonator.user_id) if visitor and visitor.impersonator else client


PageClient = Annotated[Client, Depends(get_page_client)]


async def require_recent_visitor(connection: HTTPConnection, scope: PageScope) -> Scope:
    """Return the caller.

    Raises:
        ReauthenticationRequired: when they authenticated too long ago; redirects to `/reauth` and back.
    """
    reauth.require_recent_authentication(get_authenticator(connection), scope)
    return scope


RecentPageScope = Annotated[Scope, Depends(require_recent_visitor)]


def require_permission(permission: BasePermission) -> Callable[[Scope], Awaitable[Scope]]:
    """Return a dependency that requires a permission: `Depends(require_permission(Permission.ADMIN_ACCESS))`."""

    async def check(scope: PageScope) -> Scope:
        if not scope.has_permission(permission):
            raise PermissionDenied
        return scope

    return check


async def login(request: Request, response: Response, data: Login, client: Client, *, remember: bool) -> str | None:
    """Create a browser session and set its cookie; the previous session of this browser ends.

    If a second factor is required, no session is created, and the path of its page is returned. That page gets the
    challenge from `get_challenge` and calls `complete_login`.

    Raises:
        InvalidCredentials, EmailNotVerified, TooManyAttempts: see `sessions.login.authenticate`.
    """
    database, authenticator = get_database(request), get_authenticator(request)
    password, device = data.password.get_secret_value(), cookies.get_cookie(request, cookies.DEVICE)
    user = await login_service.authenticate(database, authenticator, data.email, password, client, device=device)
    step = await login_service.start_second_factor(database, authenticator, user)
    if step is None:
        await complete_login(request, response, user, client, remember=remember)
        return None
    factor, challenge = step
    cookies.set_cookie(request, response, cookies.SECOND_FACTOR, challenge, _CHALLENGE_MAX_AGE)
    return factor.page


def get_challenge(request: Request) -> str | None:
    """Return the pending second-factor challenge of this browser."""
    return cookies.get_cookie(request, cookies.SECOND_FACTOR)


async def complete_login(request: Request, response: Response, user: User, client: Client, *, remember: bool) -> None:
    """Create a session after successful authentication, and set the cookies."""
    authenticator, device = get_authenticator(request), cookies.get_cookie(request, cookies.DEVICE)
    known = device_cookies.verify_device_cookie(authenticator.keys, user, device) is not None
    before = await find_visitor(request)
    async with get_database(request).sessions.begin() as session:
        await login_tracking.update_last_login(session, user)
        if before is not None:
            await sessions.end_session(session, before, "signed in again")
        auth_session, raw = await sessions.create_web_session(session, authenticator, user, client, remember=remember)
        await login_tracking.record_login(session, authenticator, user, auth_session, client, known_device=known)
    max_age = authenticator.settings.remember_absolute if remember else None
    cookies.set_cookie(request, response, cookies.SESSION, raw, max_age)
    if not known:
        cookies.set_cookie(
            request,
            response,
            cookies.DEVICE,
            device_cookies.issue_device_cookie(authenticator.keys, user),
            _DEVICE_COOKIE_MAX_AGE,
        )
    if get_challenge(request) is not None:
        cookies.delete_cookie(request, response, cookies.SECOND_FACTOR)


async def reauthenticate(request: Request, response: Response, password: str, client: Client) -> None:
    """Re-authenticate the user and regenerate the cookie.

    Raises:
        InvalidCredentials, TooManyAttempts: see `reauth.reauthenticate`.
    """
    scope = await require_visitor(request)
    await reauth.reauthenticate(get_database(request), get_authenticator(request), scope, password, client)
    await regenerate_session(request, response)


async def regenerate_session(request: Request, response: Response) -> None:
    """Regenerate the session cookie after a privilege change; the previous one becomes invalid."""
    scope, previous = await require_visitor(request), cookies.get_cookie(request, cookies.SESSION) or ""
    async with get_database(request).sessions.begin() as session:
        raw = await sessions.regenerate_session_token(session, get_authenticator(request), scope, previous)
    _set_session_cookie(request, response, raw)


async def logout(request: Request, response: Response) -> None:
    """End the session and delete its cookie."""
    visitor = await find_visitor(request)
    if visitor is not None:
        async with get_database(request).sessions.begin() as session:
            await login_service.logout(session, visitor, await get_page_client(request, visitor))
    clear_session_cookies(request, response)


def clear_session_cookies(request: Request, response: Response) -> None:
    """Delete the cookies of an ended session, but keep the known-device cookie."""
    for name in (cookies.SESSION, cookies.ANONYMOUS):
        cookies.delete_cookie(request, response, name)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'


async def rotate_session_if_due(request: Request) -> None:
    """Rotate an old session cookie. Call it before rendering a page, and `set_pending_cookies` afterwards.

    It skips form submissions: their transaction may be open, and SQLite allows only one writer.
    """
    await find_visitor(request)
    current: AuthenticatedSession | None = request.state.auth_session
    authenticator = get_authenticator(request)
    if current is None or request.method not in SAFE_METHODS:
        return
    if utc_now() - current.issued_at < authenticator.settings.session_renew_after:
        return
    previous = cookies.get_cookie(request, cookies.SESSION) or ""
    async with get_database(request).sessions.begin() as session:
        request.state.new_session_token = await sessions.rotate_session_token(
            session, authenticator, current.scope.session_id, current.issued_at, previous
        )


def set_pending_cookies(request: Request, response: Response) -> None:
    """Set the cookies created while rendering: for CSRF tokens, and a rotated session's."""
    csrf.set_anonymous_cookie(request, response)
    if raw := getattr(request.state, "new_session_token", None):
        _set_session_cookie(request, response, raw)


def _set_session_cookie(request: Request, response: Response, raw: str) -> None:
    current: AuthenticatedSession = request.state.auth_session
    max_age = current.expires_at - utc_now() if current.remember else None
    cookies.set_cookie(request, response, cookies.SESSION, raw, max_age)
