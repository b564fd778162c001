"""Cookies of the web pages (HttpOnly, SameSite).

SESSION         the session token
ANONYMOUS       binds CSRF tokens of visitors who aren't signed in
DEVICE          known device of a user
SECOND_FACTOR   pending second-factor challenge
LOCALE          language that a visitor chose
"""

from datetime import timedelta

from fastapi import Request, Response
from fastapi.requests import HTTPConnection

from app.settings.config import Settings

SESSION = "session"
ANONYMOUS = "anonymous"
DEVICE = "device"
SECOND_FACTOR = "second-factor"
LOCALE = "locale"


def get_cookie(connection: HTTPConnection, name: str) -> str | None:
    """Return the cookie's value."""
    return connection.cookies.get(_full(connection, name)) or None


def set_cookie(request: Request, response: Response, name: str, value: str, max_age: timedelta | None = None) -> None:
    """Set a cookie; without a lifetime it is a session cookie."""
    response.set_cookie(
        _full(request, name),
        value,
        max_age=None if max_age is None else int(max_age.total_seconds()),
        secure=_settings(request).secure_cookies,
        httponly=True,
        samesite="lax",
    )


def delete_cookie(request: Request, response: Response, name: str) -> None:
    """Delete a cookie."""
    secure = _settings(request).secure_cookies
    response.delete_cookie(_full(request, name), secure=secure, httponly=True, samesite="lax")


def _full(connection: HTTPConnection, name: str) -> str:
    return f"{_settings(connection).cookie_prefix}{name}"


def _settings(connection: HTTPConnection) -> Settings:
    settings: Settings = connection.state.settings
    return settings
