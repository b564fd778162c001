"""CSRF tokens: pages check them with `CsrfProtected`, the admin in `app/admin/auth.py`."""

import hmac
import secrets
from collections.abc import AsyncIterator

from fastapi import Depends, Request, Response

from app.accounts.api.dependencies import get_authenticator
from app.accounts.browser import cookies
from app.accounts.credentials.authenticator import Authenticator
from app.errors import Forbidden


class InvalidCsrfToken(Forbidden):
    """The CSRF token is missing or invalid."""

    title = "The form has expired. Reload the page"


def csrf_token(request: Request) -> str:
    """Return a new CSRF token; tokens are valid as long as the cookie.

    It is bound to the session or, for visitors who aren't signed in, to a separate cookie (OWASP: signed double
    submit). Send that cookie with `set_anonymous_cookie`.
    """
    nonce = secrets.token_hex(16)
    return f"{nonce}.{_mac(get_authenticator(request), nonce, _binding(request))}"


def set_anonymous_cookie(request: Request, response: Response) -> None:
    """Set the cookie that anonymous visitors' CSRF tokens are bound to, if it is new."""
    if value := getattr(request.state, "anonymous_cookie", None):
        cookies.set_cookie(request, response, cookies.ANONYMOUS, value)


async def check_csrf(request: Request) -> AsyncIterator[None]:
    """Validate the form's CSRF token, and close uploaded files at the end of the request.

    Raises:
        InvalidCsrfToken: when the token is missing or invalid.
    """
    try:
        sent = request.headers.get("x-csrf-token")
        if sent is None:
            sent = str((await request.form()).get("csrf_token", ""))
        verify_csrf(request, sent)
        yield
    finally:
        await request.close()


def verify_csrf(request: Request, sent: str) -> None:
    """Validate a CSRF token. The admin calls this itself, with its own header name.

    Raises:
        InvalidCsrfToken: when the token is invalid.
    """
    nonce, _, mac = sent.partition(".")
    authenticator = get_authenticator(request)
    if not nonce or not hmac.compare_digest(_mac(authenticator, nonce, _binding(request)).encode(), mac.encode()):
        raise InvalidCsrfToken


CsrfProtected = Depends(check_csrf)


def _binding(request: Request) -> str:
    """Return the value that tokens are bound to: the stable part of the session cookie, or an anonymous cookie."""
    if session := cookies.get_cookie(request, cookies.SESSION):
        return session.partition(".")[0]
    if anonymous := cookies.get_cookie(request, cookies.ANONYMOUS):
        return anonymous
    if not hasattr(request.state, "anonymous_cookie"):
        request.state.anonymous_cookie = secrets.token_urlsafe(32)
    value: str = request.state.anonymous_cookie
    return value


def _mac(authenticator: Authenticator, nonce: str, binding: str) -> str:
    return authenticator.keys.digest("csrf", f"{nonce}:{binding}").hex()
