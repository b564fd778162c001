"""What the tests of impersonation share."""

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
    """Sign in as someone, by the form that asks whether it is meant."""
    return save(browser, f"/admin/impersonate?pk={user.id}")


def stop_impersonating(browser: TestClient) -> Response:
    """Send the form of the bar."""
    return submit(browser, "/account", action=END)


def cookie_of(browser: TestClient) -> str:
    """Return the cookie of the session."""
    return str(browser.cookies[cookie_name(browser)])


def with_cookie(client: TestClient, cookie: str) -> TestClient:
    """Return a browser that has a copy of a cookie."""
    browser = open_browser(client)
    browser.cookies.set(cookie_name(browser), cookie, domain="testserver.local")
    return browser


def is_signed_in(browser: TestClient) -> bool:
    """Return whether the cookie is good for a page."""
    return browser.get("/account").status_code == 200


def newest_session(client: TestClient) -> AuthSession:
    """Return the session that was opened last."""
    newest = select(AuthSession).order_by(AuthSession.id.desc()).limit(1)
    return in_database(client, lambda session: session.scalar(newest))  # type: ignore[return-value]


def update_database(client: TestClient, statement: Any) -> None:
    """Change the database behind the back of the app."""
    in_database(client, lambda session: session.execute(statement))


def csrf_of(browser: TestClient) -> dict[str, str]:
    """Return the hidden field of the admin's forms."""
    return {"csrftoken": csrf_token(browser)}
