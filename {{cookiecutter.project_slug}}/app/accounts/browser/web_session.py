"""Browser authentication with a session cookie.

The pages and the admin share this: one session, one sign-in. The API never reads cookies.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.requests import HTTPConnection

from app.accounts.api.dependencies import PermissionDenied, get_authenticator, get_client
from app.accounts.browser import cookies, csrf
from app.accounts.credentials import device_cookies
from app.accounts.models import User
from app.accounts.permissions import Permission
from app.accounts.schemas import Login
from app.accounts.scope import Client, Scope
from app.accounts.sessions import authentication, login_tracking, reauth, sessions
from app.accounts.sessions import login as login_service
from app.accounts.sessions.authentication import AuthenticatedSession
from app.api.dependencies import get_database
from app.api.middleware import SAFE_METHODS
from app.database.base import utc_now
from app.errors import Unauthorized

_DEVICE_LIFE = timedelta(days=400)  # what browsers grant at most
_CHALLENGE_LIFE = timedelta(minutes=10)


class LoginRequired(Unauthorized):
    """Sign-in is required; redirects to `/login` and back."""

    title = "Sign in required"


async def find_visitor(connection: HTTPConnection) -> Scope | None:
    """Return the user of the session cookie; cached per request."""
    state = connection.state
    if not hasattr(state, "visitor"):
        raw, ip = cookies.get_cookie(connection, cookies.SESSION), get_client(connection).ip
        database, authenticator = get_database(connection), get_authenticator(connection)
        visit = await authentication.authenticate_web_session(database, authenticator, raw, ip) if raw else None
        state.auth_session, state.visitor = visit, visit and visit.scope
    visitor: Scope | None = state.visitor
    return visitor


async def require_visitor(connection: HTTPConnection) -> Scope:
    """Return the caller.

    Raises:
        LoginRequired: when nobody is signed in.
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
        ReauthenticationRequired: when they proved who they are too long ago; they are sent to `/reauth` and back.
    """
    reauth.require_recent_authentication(get_authenticator(connection), scope)
    return scope


RecentPageScope = Annotated[Scope, Depends(require_recent_visitor)]


def require_permission(permission: Permission) -> Callable[[Scope], Awaitable[Scope]]:
    """Return a dependency that requires a permission: `Depends(browser.require(Permission.ADMIN_ACCESS))`."""

    async def check(scope: PageScope) -> Scope:
        if not scope.has_permission(permission):
            raise PermissionDenied
        return scope

    return check


async def login(request: Request, response: Response, data: Login, client: Client, *, remember: bool) -> str | None:
    """Open a browser session and put its cookie on the response; the cookie before it is dead.

    When a second factor is needed, nothing is opened: the path of its page is returned, which calls
    `complete_login`. The page finds the challenge with `get_challenge`.

    Raises:
        InvalidCredentials, EmailNotVerified, TooManyAttempts: see `service.authenticate`.
    """
    database, authenticator = get_database(request), get_authenticator(request)
    password, device = data.password.get_secret_value(), cookies.get_cookie(request, cookies.DEVICE)
    user = await login_service.authenticate(database, authenticator, data.email, password, client, device=device)
    step = await login_service.start_second_factor(database, authenticator, user)
    if step is None:
        await complete_login(request, response, user, client, remember=remember)
        return None
    factor, challenge = step
    cookies.set_cookie(request, response, cookies.SECOND_FACTOR, challenge, _CHALLENGE_LIFE)
    return factor.page


def get_challenge(request: Request) -> str | None:
    """Return the pending second-factor challenge of this browser."""
    return cookies.get_cookie(request, cookies.SECOND_FACTOR)


async def complete_login(request: Request, response: Response, user: User, client: Client, *, remember: bool) -> None:
    """Create a session after successful authentication (see `admit`), and set the cookies."""
    authenticator, device = get_authenticator(request), cookies.get_cookie(request, cookies.DEVICE)
    known = device_cookies.verify_device_cookie(authenticator.keys, user, device) is not None
    before = await find_visitor(request)
    async with get_database(request).sessions.begin() as session:
        await login_tracking.update_last_login(session, user)
        if before is not None:
            await sessions.end_session(session, before, "signed in again")
        opened, raw = await sessions.create_web_session(session, authenticator, user, client, remember=remember)
        await login_tracking.record_login(session, authenticator, user, opened, client, known_device=known)
    max_age = authenticator.settings.remember_absolute if remember else None
    cookies.set_cookie(request, response, cookies.SESSION, raw, max_age)
    if not known:
        cookies.set_cookie(
            request,
            response,
            cookies.DEVICE,
            device_cookies.issue_device_cookie(authenticator.keys, user),
            _DEVICE_LIFE,
        )
    if get_challenge(request) is not None:
        cookies.delete_cookie(request, response, cookies.SECOND_FACTOR)


async def reauthenticate(request: Request, response: Response, password: str, client: Client) -> None:
    """Re-authenticate the user and rotate the cookie.

    Raises:
        InvalidCredentials, TooManyAttempts: see `reauth.reauthenticate`.
    """
    scope = await require_visitor(request)
    await reauth.reauthenticate(get_database(request), get_authenticator(request), scope, password, client)
    await regenerate_session(request, response)


async def regenerate_session(request: Request, response: Response) -> None:
    """Rotate the session cookie after a privilege change; the previous one becomes invalid."""
    scope, former = await require_visitor(request), cookies.get_cookie(request, cookies.SESSION) or ""
    async with get_database(request).sessions.begin() as session:
        raw = await sessions.regenerate_session_token(session, get_authenticator(request), scope, former)
    _put_session(request, response, raw)


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

    Not for a form: its transaction may be open, and SQLite has one writer.
    """
    await find_visitor(request)
    visit: AuthenticatedSession | None = request.state.auth_session
    authenticator = get_authenticator(request)
    fresh = visit is None or utc_now() - visit.issued_at < authenticator.settings.session_renew_after
    if visit is None or fresh or request.method not in SAFE_METHODS:
        return
    former = cookies.get_cookie(request, cookies.SESSION) or ""
    async with get_database(request).sessions.begin() as session:
        request.state.new_session_token = await sessions.rotate_session_token(
            session, authenticator, visit.scope.session_id, visit.issued_at, former
        )


def set_pending_cookies(request: Request, response: Response) -> None:
    """Put the cookies on a page that were made while it was: one that forms are bound to, a newer session's."""
    csrf.set_anonymous_cookie(request, response)
    if reissued := getattr(request.state, "new_session_token", None):
        _put_session(request, response, reissued)


def _put_session(request: Request, response: Response, raw: str) -> None:
    visit: AuthenticatedSession = request.state.auth_session
    cookies.set_cookie(
        request, response, cookies.SESSION, raw, visit.expires_at - utc_now() if visit.remember else None
    )
