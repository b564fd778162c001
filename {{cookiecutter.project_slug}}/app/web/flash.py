"""Flash messages, stored in a signed cookie so that they can't be forged."""

import base64
import hmac
from datetime import timedelta

from fastapi import Request, Response

from app.accounts.api.dependencies import get_authenticator
from app.accounts.browser import cookies

_COOKIE = "flash"
_TTL = timedelta(minutes=1)


def set_flash(request: Request, response: Response, text: str) -> None:
    """Show `text` on the next page."""
    words = base64.urlsafe_b64encode(text.encode()).decode()
    cookies.set_cookie(request, response, _COOKIE, f"{words}.{_mac(request, words)}", _TTL)


def get_flash(request: Request) -> str | None:
    """Return what is to be said; none when the cookie is not ours."""
    words, _, mac = (cookies.get_cookie(request, _COOKIE) or "").partition(".")
    if not words or not hmac.compare_digest(_mac(request, words).encode(), mac.encode()):
        return None
    return base64.urlsafe_b64decode(words).decode()


def clear_flash(request: Request, response: Response) -> None:
    """Take the cookie back: the page that goes out says it."""
    if cookies.get_cookie(request, _COOKIE):
        cookies.delete_cookie(request, response, _COOKIE)


def _mac(request: Request, words: str) -> str:
    return get_authenticator(request).keys.digest("flash", words).hex()
