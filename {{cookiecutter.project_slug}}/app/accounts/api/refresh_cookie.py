"""The refresh token in an HttpOnly cookie, for front ends in a browser.

It is the only cookie that the API reads. `RefreshCookieDep` also checks `Origin`, so no route can use it without.
"""

from typing import Annotated

from fastapi import Depends, Request, Response

from app.accounts.schemas import AccessToken, TokenPair
from app.errors import Forbidden
from app.settings.config import Settings

PREFIX = "/auth/cookie"
"""Prefix of its routes; those under `/api/v1` accept credentials from other origins."""


class OriginNotAllowed(Forbidden):
    """`Origin` is missing, or is neither that of `BASE_URL` nor one of `SERVER_CORS_ORIGINS`."""

    title = "Origin not allowed"


class RefreshCookie:
    """The refresh token's cookie in a request and its response."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request, self._response = request, response
        settings: Settings = request.state.settings
        # Over HTTPS, the prefix is `__Host-`: other subdomains can't set the cookie, and thereby sign users in to an
        # account of theirs. It requires `Path=/`; a path would protect nothing (RFC 6265 §8.5).
        self._name, self._is_secure = f"{settings.cookie_prefix}refresh", settings.secure_cookies
        self._max_age = int(settings.auth.refresh_idle.total_seconds())

    @property
    def token(self) -> str:
        """The refresh token, or an empty text."""
        return self._request.cookies.get(self._name, "")

    def store(self, tokens: TokenPair) -> AccessToken:
        """Send the refresh token in the cookie, and return the rest for the body."""
        self._set(tokens.refresh_token, self._max_age)
        return AccessToken(**tokens.model_dump(exclude={"refresh_token"}))

    def delete(self) -> None:
        """Delete the cookie."""
        self._set("", 0)

    def _set(self, value: str, max_age: int) -> None:
        self._response.set_cookie(
            self._name, value, max_age=max_age, secure=self._is_secure, httponly=True, samesite="strict"
        )


async def get_refresh_cookie(request: Request, response: Response) -> RefreshCookie:
    """Return the cookie.

    Raises:
        OriginNotAllowed: browsers send `Origin` with every POST, and pages can't change it.
    """
    settings: Settings = request.state.settings
    if request.headers.get("origin") not in settings.allowed_origins:
        raise OriginNotAllowed("Send the Origin of BASE_URL, or one in SERVER_CORS_ORIGINS.")
    return RefreshCookie(request, response)


RefreshCookieDep = Annotated[RefreshCookie, Depends(get_refresh_cookie)]
