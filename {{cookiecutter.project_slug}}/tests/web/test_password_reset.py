"""Password reset with an emailed link."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.support import PASSWORD, emails_to, latest_link
from tests.web.browser import open_browser, read_page, submit

pytestmark = pytest.mark.any_database

NEW = "a quite different phrase, 8 words"


def ask_for_link(browser: TestClient, email: str, **headers: str) -> str:
    """Request a reset link, and return its path."""
    form = read_page(browser.get("/password/forgot")).forms["/password/forgot"]
    response = browser.post("/password/forgot", data={**form, "email": email}, headers=headers)
    assert (response.status_code, response.headers["Location"]) == (303, "/password/sent")
    return latest_link(browser, email)


def test_password_is_reset_with_the_link(client: TestClient, ada: User) -> None:
    """Opening the link has no side effects. Behaviours 92, 93, 144."""
    elsewhere, browser = open_browser(client, ada), open_browser(client)
    link = ask_for_link(browser, ada.email)
    assert [browser.get(link).status_code for _ in range(2)] == [200, 200]

    weak = submit(browser, link, action="/password/reset", password="short")
    response = browser.post("/password/reset", data={**read_page(weak).forms["/password/reset"], "password": NEW})
    text = read_page(browser.get("/login")).text
    again = browser.get(link)

    assert (weak.status_code, response.status_code, again.status_code) == (422, 303, 422)
    assert response.headers["Location"] == "/login"
    assert elsewhere.get("/account").status_code == browser.get("/account").status_code == 303
    assert "Password changed. Sign in with your new password." in text
    assert submit(browser, "/login", email=ada.email, password=PASSWORD).status_code == 401
    assert submit(browser, "/login", email=ada.email, password=NEW).status_code == 303


def test_reset_page_does_not_leak_the_token(client: TestClient, ada: User) -> None:
    """Behaviour 95."""
    browser = open_browser(client)
    link = ask_for_link(browser, ada.email)
    token = link.rpartition("/")[2]

    for response in (browser.get(link), submit(browser, link, action="/password/reset", password="short")):
        page = read_page(response)
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        assert "//" not in response.text.replace("<!doctype html>", "")
        assert not [address for address in page.links if token in address]
        assert response.text.count(token) == 1
        assert page.forms["/password/reset"]["token"] == token


def test_link_ignores_the_host_header(client: TestClient, ada: User) -> None:
    """Behaviour 94."""
    browser = open_browser(client)

    link = ask_for_link(browser, ada.email, **{"Host": "evil.test", "X-Forwarded-Host": "evil.test"})

    mail = emails_to(client, ada.email)[-1]
    assert str(client.app_state["settings"].base_url).rstrip("/") + link in mail
    assert "evil.test" not in mail


@pytest.mark.parametrize("token", ["x", "\u00e9", "x" * 300])
def test_invalid_link_shows_an_error_page(client: TestClient, token: str) -> None:
    browser = open_browser(client)
    form = read_page(browser.get("/password/forgot")).forms["/password/forgot"]

    opened = browser.get(f"/password/reset/{token}")
    sent = browser.post("/password/reset", data={**form, "token": token, "password": NEW})

    assert (opened.status_code, sent.status_code) == (422, 422)
    assert "/password/forgot" in read_page(opened).links
    assert "This link is invalid" in read_page(sent).text
