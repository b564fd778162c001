"""CSRF protection of forms."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.support import PASSWORD
from tests.web.browser import cookie_name, open_browser, read_page

pytestmark = pytest.mark.any_database


def token_of(browser: TestClient, page: str = "/account", form: str = "/account") -> str:
    """Return the CSRF token of a form."""
    return str(read_page(browser.get(page)).forms[form]["csrf_token"])


def rename(browser: TestClient, token: str | None, headers: dict[str, str] | None = None) -> int:
    """Try to change the display name, and return the status."""
    data = {"display_name": "Changed", **({"csrf_token": token} if token is not None else {})}
    return browser.post("/account", data=data, headers=headers).status_code


def name_shown(browser: TestClient) -> str:
    """Return the display name on the account page."""
    return str(read_page(browser.get("/account")).forms["/account"]["display_name"])


@pytest.mark.parametrize("token", [None, "", "x", ".", "00.00", "\u00e9.\u00e9"])
def test_form_with_an_invalid_token_is_rejected(client: TestClient, ada: User, token: str | None) -> None:
    """Behaviour 137."""
    browser = open_browser(client, ada)

    assert rename(browser, token) == 403
    assert name_shown(browser) == ""


def test_token_of_another_user_is_rejected(client: TestClient, ada: User, bob: User) -> None:
    """Behaviour 137."""
    browser = open_browser(client, ada)

    assert rename(browser, token_of(open_browser(client, bob))) == 403
    assert name_shown(browser) == ""


def test_token_from_before_signing_in_is_rejected(client: TestClient, ada: User) -> None:
    browser = open_browser(client)
    form = read_page(browser.get("/login")).forms["/login"]
    browser.post("/login", data={**form, "email": ada.email, "password": PASSWORD})

    assert rename(browser, form["csrf_token"]) == 403


def test_token_of_another_session_is_rejected(client: TestClient, ada: User) -> None:
    """Behaviour 137."""
    old = token_of(open_browser(client, ada))

    assert rename(open_browser(client, ada), old) == 403


def test_tokens_differ_and_all_are_valid(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    first, second = token_of(browser), token_of(browser)

    assert first != second
    assert [rename(browser, token) for token in (second, first, first)] == [303, 303, 303]


def test_token_may_be_sent_as_a_header(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    assert rename(browser, None, {"X-CSRF-Token": token_of(browser)}) == 303
    assert name_shown(browser) == "Changed"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another-site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="a-neighbour"),
        pytest.param({"Origin": "https://evil.test"}, id="old-browser"),
        pytest.param({"Origin": "null"}, id="sandbox"),
        pytest.param({"Referer": "https://evil.test/page"}, id="older-browser"),
    ],
)
def test_form_from_another_site_is_rejected(client: TestClient, ada: User, headers: dict[str, str]) -> None:
    """Behaviour 138."""
    browser = open_browser(client, ada)

    assert rename(browser, token_of(browser), headers) == 403
    assert name_shown(browser) == ""


def test_form_of_another_site_cannot_sign_a_user_in(client: TestClient, bob: User) -> None:
    """Behaviour 34."""
    victim, attacker = open_browser(client), open_browser(client)
    victim.get("/login")
    form = read_page(attacker.get("/login")).forms["/login"]

    response = victim.post("/login", data={**form, "email": bob.email, "password": PASSWORD})

    assert response.status_code == 403
    assert "The form has expired" in read_page(response).text
    assert cookie_name(victim) not in victim.cookies


def test_form_of_another_site_cannot_sign_a_user_out(client: TestClient, ada: User) -> None:
    """Behaviour 73."""
    browser = open_browser(client, ada)

    assert browser.post("/logout").status_code == 403
    assert browser.get("/logout").status_code == 405
    assert browser.get("/account").status_code == 200
