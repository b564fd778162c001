"""The profile page."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.support import log_in, with_token
from tests.web.browser import open_browser, read_page, submit

pytestmark = pytest.mark.any_database


def test_display_name_is_saved(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    response = submit(browser, "/account", display_name="  Ada Lovelace ")

    shown = read_page(browser.get(response.headers["Location"]))
    assert response.status_code == 303
    assert shown.forms["/account"]["display_name"] == "Ada Lovelace"
    assert "Profile saved." in shown.text
    assert "Profile saved." not in browser.get("/account").text
    api = with_token(client, log_in(client, ada.email)["access_token"])
    assert api.get("/api/v1/users/me").json()["display_name"] == "Ada Lovelace"


def test_too_long_name_shows_error_and_keeps_the_input(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    response = submit(browser, "/account", display_name="x" * 121)

    page = read_page(response)
    assert response.status_code == 422
    assert page.forms["/account"]["display_name"] == "x" * 121
    assert page.fields["display_name"]["aria-invalid"] == "true"
    assert "Use at most 120 characters." in page.text
    assert read_page(browser.get("/account")).forms["/account"]["display_name"] == ""


def test_unknown_form_fields_are_ignored(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    submit(browser, "/account", display_name="Ada", email="eve@example.com", is_active="")

    assert ada.email in browser.get("/account").text


def test_display_name_is_escaped(client: TestClient, ada: User) -> None:
    """Behaviour 140."""
    browser = open_browser(client, ada)
    name = '"><script>alert(1)</script>'

    submit(browser, "/account", display_name=name)

    response = browser.get("/account")
    assert "<script>" not in response.text
    assert read_page(response).forms["/account"]["display_name"] == name


def test_user_without_roles_sees_no_link_to_the_admin(client: TestClient, ada: User) -> None:
    assert "/admin/" not in read_page(open_browser(client, ada).get("/account")).links
