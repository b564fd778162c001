"""Helpers for tests of impersonation."""

from typing import Any

from httpx2 import Response
from sqlalchemy import select
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from tests.admin.browser import csrf_token, save
from tests.support import in_database
from tests.web.browser import cookie_name, open_browser, submit

END = "/impersonation/end"


def impersonate(browser: TestClient, user: User) -> Response:
    """Sign in as a user with the confirmation form."""
    return save(browser, f"/admin/impersonate?pk={user.id}")


def stop_impersonating(browser: TestClient) -> Response:
    """Submit the form in the impersonation bar."""
    return submit(browser, "/account", action=END)


def cookie_of(browser: TestClient) -> str:
    """Return the value of the session cookie."""
    return str(browser.cookies[cookie_name(browser)])


def with_cookie(client: TestClient, cookie: str) -> TestClient:
    """Return a client with a copy of a session cookie."""
    browser = open_browser(client)
    browser.cookies.set(cookie_name(browser), cookie, domain="testserver.local")
    return browser


def is_signed_in(browser: TestClient) -> bool:
    """Return whether the session cookie is valid."""
    return browser.get("/account").status_code == 200


def newest_session(client: TestClient) -> AuthSession:
    """Return the newest session."""
    newest = select(AuthSession).order_by(AuthSession.id.desc()).limit(1)
    return in_database(client, lambda session: session.scalar(newest))  # type: ignore[return-value]


def update_database(client: TestClient, statement: Any) -> None:
    """Run a statement in the database, without the app."""
    in_database(client, lambda session: session.execute(statement))


def csrf_of(browser: TestClient) -> dict[str, str]:
    """Return the hidden CSRF field of the admin's forms."""
    return {"csrftoken": csrf_token(browser)}
