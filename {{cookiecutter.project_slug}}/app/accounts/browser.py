"""The caller behind a browser: a session cookie and nothing else, and the CSRF token of the forms.

The pages and the admin share this: one session, one sign-in, one check. The API never reads cookies.
"""

import hmac
import secrets
from typing import Annotated

from fastapi import Depends, Request, Response

from app.accounts import service, sessions
from app.accounts.authenticator import Authenticator
from app.accounts.dependencies import get_authenticator
from app.accounts.models import AuthSession, User
from app.accounts.schemas import Login
from app.accounts.scope import Client, Scope
from app.database import get_database
from app.errors import Forbidden, Unauthorized
from app.settings import Settings


class SignInRequired(Unauthorized):
    """The page is for people who are signed in; they are sent to `/login` and back."""

    title = "Sign in to see this page"


class InvalidCsrfToken(Forbidden):
    """The form was not ours, or its cookie is gone."""

    title = "The form has expired: load the page again"


async def find_visitor(request: Request) -> Scope | None:
    """Return the caller behind the session cookie; looked up once a request."""
    if not hasattr(request.state, "visitor"):
        raw = request.cookies.get(_session_cookie(request))
        found = None
        if raw:
            found = await sessions.find_web_caller(get_database(request), get_authenticator(request), raw)
        request.state.visitor = found
    visitor: Scope | None = request.state.visitor
    return visitor


async def require_visitor(request: Request) -> Scope:
    """Return the caller.

    Raises:
        SignInRequired: when nobody is signed in.
    """
    visitor = await find_visitor(request)
    if visitor is None:
        raise SignInRequired
    return visitor


Visitor = Annotated[Scope | None, Depends(find_visitor)]
PageScope = Annotated[Scope, Depends(require_visitor)]


async def sign_in(request: Request, response: Response, data: Login, client: Client, *, remember: bool) -> User:
    """Open a browser session and put its cookie on the response; the cookie before it is dead.

    Raises:
        InvalidCredentials: when the address or the password is wrong.
    """
    database, authenticator = get_database(request), get_authenticator(request)
    password = data.password.get_secret_value()
    user = await service.authenticate(database, authenticator, data.email, password)
    before = await find_visitor(request)
    async with database.sessions.begin() as session:
        if before is not None:
            await sessions.end_session(session, before)
        opened, raw = await sessions.open_web_session(session, authenticator, user, client, remember=remember)
        await service.note_login(session, user)
    _set_session_cookie(request, response, opened, raw)
    return user


async def sign_out(request: Request, response: Response) -> None:
    """End the session in the database, and take its cookie back."""
    visitor = await find_visitor(request)
    if visitor is not None:
        async with get_database(request).sessions.begin() as session:
            await sessions.end_session(session, visitor)
    for name in (_session_cookie(request), _anonymous_cookie(request)):
        response.delete_cookie(name, secure=_settings(request).secure_cookies, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cookies", "storage"'


def csrf_token(request: Request) -> str:
    """Return a token for a form: another one each time, all good as long as the cookie is.

    It is bound to the session, or to a cookie of its own for people who are not signed in (OWASP: signed
    double submit). Send that cookie with `keep_csrf_cookie`.
    """
    nonce = secrets.token_hex(16)
    return f"{nonce}.{_mac(get_authenticator(request), nonce, _binding(request))}"


def keep_csrf_cookie(request: Request, response: Response) -> None:
    """Set the cookie that the tokens of an anonymous visitor are bound to, when it is new."""
    if made := getattr(request.state, "anonymous_cookie", None):
        response.set_cookie(
            _anonymous_cookie(request),
            made,
            secure=_settings(request).secure_cookies,
            httponly=True,
            samesite="lax",
        )


async def check_csrf(request: Request) -> None:
    """Refuse a form that was not made for this browser.

    Raises:
        InvalidCsrfToken: when its token is missing or wrong.
    """
    sent = request.headers.get("x-csrf-token")
    if sent is None:
        sent = str((await request.form()).get("csrf_token", ""))
    verify_csrf(request, sent)


def verify_csrf(request: Request, sent: str) -> None:
    """Refuse a token that was not made for this browser; the admin's scripts send theirs under another name.

    Raises:
        InvalidCsrfToken: when it is wrong.
    """
    nonce, _, mac = sent.partition(".")
    keys = get_authenticator(request)
    if not nonce or not hmac.compare_digest(_mac(keys, nonce, _binding(request)).encode(), mac.encode()):
        raise InvalidCsrfToken


CsrfChecked = Depends(check_csrf)


def _binding(request: Request) -> str:
    """Return the secret of the cookie that tokens are bound to, made now when there is none."""
    for name in (_session_cookie(request), _anonymous_cookie(request)):
        if value := request.cookies.get(name):
            return value
    if not hasattr(request.state, "anonymous_cookie"):
        request.state.anonymous_cookie = secrets.token_urlsafe(32)
    made: str = request.state.anonymous_cookie
    return made


def _mac(authenticator: Authenticator, nonce: str, binding: str) -> str:
    return authenticator.keys.digest("csrf", f"{nonce}:{binding}").hex()


def _set_session_cookie(request: Request, response: Response, opened: AuthSession, raw: str) -> None:
    settings = _settings(request)
    response.set_cookie(
        _session_cookie(request),
        raw,
        max_age=int(settings.auth.remember_absolute.total_seconds()) if opened.remember else None,
        secure=settings.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def _session_cookie(request: Request) -> str:
    """Name the cookie; the prefix binds it to this host alone, which a browser grants to https only.

    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
    """
    return "__Host-session" if _settings(request).secure_cookies else "session"


def _anonymous_cookie(request: Request) -> str:
    return "__Host-anonymous" if _settings(request).secure_cookies else "anonymous"


def _settings(request: Request) -> Settings:
    settings: Settings = request.state.settings
    return settings
