"""Access to the admin, and CSRF protection of its forms."""

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.accounts.models import User
from tests.admin.browser import csrf_token, listed_ids
from tests.support import add_user
from tests.web.browser import open_browser, submit

pytestmark = pytest.mark.any_database

PAGES = [
    "/admin/",
    "/admin/user/list",
    "/admin/sample-note/create",
    "/admin/nothing-is-here",
    "/admin/_api/user/relation-lookup",
]


def test_anonymous_user_is_redirected_to_sign_in(client: TestClient) -> None:
    """Behaviour 131."""
    browser = open_browser(client)

    for page in PAGES:
        response = browser.get(page, params={"q": "a"})

        assert response.status_code == 303
        assert response.headers["Location"] == f"/login?next={page.replace('/', '%2F')}%3Fq%3Da"


@pytest.mark.parametrize("path", ["nothing.css", "..%2F..%2F..%2Fapp%2Fsettings.py"])
def test_missing_static_file_is_not_found(client: TestClient, admin: User, path: str) -> None:
    for browser in (open_browser(client), open_browser(client, admin)):
        assert browser.get(f"/admin/static/{path}").status_code == 404


def test_user_without_permission_is_denied(client: TestClient, ada: User) -> None:
    """Behaviour 131."""
    browser = open_browser(client, ada)

    for page in PAGES:
        response = browser.get(page)

        assert response.status_code == 403
        assert "Permission denied" in response.text


def test_access_token_does_not_open_the_admin(as_admin: TestClient) -> None:
    assert as_admin.get("/admin/").status_code == 303


def test_websockets_are_rejected(browser: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/admin/"):
        pass


def test_static_files_are_served_without_authentication(client: TestClient) -> None:
    for name in ("admin.css", "js/list.js"):
        response = client.get(f"/admin/static/{name}")

        assert (response.status_code, response.headers["Cache-Control"]) == (200, "public, max-age=3600")


def test_admin_sets_no_cookies(browser: TestClient) -> None:
    before = set(browser.cookies)

    for page in ("/admin/", "/admin/user/list", "/admin/sample-note/create"):
        browser.get(page)

    assert set(browser.cookies) == before


def test_sign_out_ends_the_session_of_the_site(browser: TestClient) -> None:
    token = csrf_token(browser)

    response = browser.post("/admin/logout", data={"csrftoken": token})

    assert (response.status_code, response.headers["Location"]) == (303, "/login")
    assert browser.get("/account").status_code == 303


def test_sign_out_of_the_site_invalidates_copied_cookies(client: TestClient, browser: TestClient) -> None:
    """Behaviour 133."""
    copy = open_browser(client)
    copy.cookies.update(browser.cookies)
    assert copy.get("/admin/").status_code == 200

    assert submit(browser, "/account", action="/logout").status_code == 303

    response = copy.get("/admin/")
    assert (response.status_code, response.headers["Location"]) == (303, "/login?next=%2Fadmin%2F")


def test_sign_out_requires_csrf_token(browser: TestClient) -> None:
    assert browser.get("/admin/logout").status_code == 405
    assert browser.post("/admin/logout").status_code == 403
    assert browser.get("/admin/").status_code == 200


@pytest.mark.parametrize("page", ["/admin/sample-note/create", "/admin/_api/sample-note/action?name=delete"])
@pytest.mark.parametrize("token", ["", "made-up", "of another session"])
def test_unsafe_request_without_session_token_is_denied(
    client: TestClient, browser: TestClient, page: str, token: str
) -> None:
    """Behaviour 132."""
    if token.startswith("of"):
        token = csrf_token(open_browser(client, add_user(client, "other@example.com", admin=True)))

    by_field = browser.post(page, data={"title": "Milk", "csrftoken": token})
    by_header = browser.post(page, data={"title": "Milk"}, headers={"X-CSRFToken": token})

    assert (by_field.status_code, by_header.status_code) == (403, 403)
    assert listed_ids(browser, "sample-note") == []


def test_cross_site_request_is_denied_even_with_the_token(browser: TestClient) -> None:
    data = {"csrftoken": csrf_token(browser)}

    for headers in ({"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}):
        assert browser.post("/admin/logout", data=data, headers=headers).status_code == 403
