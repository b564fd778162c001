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
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    cookies.set_cookie(request, response, _COOKIE, f"{encoded}.{_mac(request, encoded)}", _TTL)


def get_flash(request: Request) -> str | None:
    """Return the message; None if there is none or its signature is invalid."""
    encoded, _, mac = (cookies.get_cookie(request, _COOKIE) or "").partition(".")
    if not encoded or not hmac.compare_digest(_mac(request, encoded).encode(), mac.encode()):
        return None
    return base64.urlsafe_b64decode(encoded).decode()


def clear_flash(request: Request, response: Response) -> None:
    """Delete the cookie, since the response shows the message."""
    if cookies.get_cookie(request, _COOKIE):
        cookies.delete_cookie(request, response, _COOKIE)


def _mac(request: Request, encoded: str) -> str:
    return get_authenticator(request).keys.digest("flash", encoded).hex()
