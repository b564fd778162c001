"""What a form did, said once on the page after it: a cookie that we signed, so that no link can put words on a page."""

import base64
import hmac

from fastapi import Request, Response

from app.accounts.dependencies import get_authenticator
from app.settings import Settings

_LIFE_SECONDS = 60


def leave_notice(request: Request, response: Response, text: str) -> None:
    """Have the next page that this browser is shown say `text`."""
    words = base64.urlsafe_b64encode(text.encode()).decode()
    response.set_cookie(
        _cookie(request),
        f"{words}.{_mac(request, words)}",
        max_age=_LIFE_SECONDS,
        secure=_settings(request).secure_cookies,
        httponly=True,
        samesite="lax",
    )


def take_notice(request: Request) -> str | None:
    """Return what is to be said; none when the cookie is not ours."""
    words, _, mac = request.cookies.get(_cookie(request), "").partition(".")
    if not words or not hmac.compare_digest(_mac(request, words).encode(), mac.encode()):
        return None
    return base64.urlsafe_b64decode(words).decode()


def drop_notice(request: Request, response: Response) -> None:
    """Take the cookie back: the page that goes out says it."""
    if _cookie(request) in request.cookies:
        response.delete_cookie(
            _cookie(request), secure=_settings(request).secure_cookies, httponly=True, samesite="lax"
        )


def _mac(request: Request, words: str) -> str:
    return get_authenticator(request).keys.digest("notice", words).hex()


def _cookie(request: Request) -> str:
    return "__Host-notice" if _settings(request).secure_cookies else "notice"


def _settings(request: Request) -> Settings:
    settings: Settings = request.state.settings
    return settings
