"""Sign-up and email verification with a browser."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.routes import app_of
from tests.support import PASSWORD, latest_link
from tests.web.browser import open_browser, read_page, submit

pytestmark = pytest.mark.any_database

EVE = "eve@example.com"


def sign_up(browser: TestClient, email: str = EVE, password: str = PASSWORD) -> str:
    """Sign up, and return the path of the emailed link."""
    response = submit(browser, "/signup", email=email, password=password)
    assert (response.status_code, response.headers["Location"]) == (303, "/signup/sent")
    return latest_link(browser, email)


def test_account_works_after_email_verification(client: TestClient) -> None:
    """Behaviours 6, 144."""
    browser = open_browser(client)
    link = sign_up(browser)
    assert EVE in read_page(browser.get("/signup/sent")).text

    early = submit(browser, "/login", email=EVE, password=PASSWORD)
    assert (browser.get(link).status_code, browser.get(link).status_code) == (200, 200)
    still = submit(browser, "/login", email=EVE, password=PASSWORD)
    verified = submit(browser, link, action="/verify")
    after = submit(browser, verified.headers["Location"], email=EVE, password=PASSWORD)

    assert (early.status_code, still.status_code, verified.status_code, after.status_code) == (403, 403, 303, 303)
    assert EVE in browser.get("/account").text


def test_used_link_shows_only_that_it_is_invalid(client: TestClient) -> None:
    """Behaviour 7."""
    browser = open_browser(client)
    link = sign_up(browser)
    form = read_page(browser.get(link)).forms["/verify"]
    used = browser.post("/verify", data=form)
    text = read_page(browser.get(used.headers["Location"])).text

    again, opened = browser.post("/verify", data=form), browser.get(link)

    assert "Email address confirmed." in text
    assert (again.status_code, opened.status_code) == (422, 422)
    assert "This link is invalid" in read_page(again).text
    assert read_page(again).text == read_page(opened).text


def test_password_chosen_by_third_party_is_removed(client: TestClient) -> None:
    """Behaviour 12."""
    link = sign_up(open_browser(client), password=PASSWORD)
    owner = open_browser(client)

    verified = submit(owner, link, action="/verify")
    chosen = submit(owner, verified.headers["Location"], action="/password/reset", password="of my own choosing: 4711")

    assert submit(open_browser(client), "/login", email=EVE, password=PASSWORD).status_code == 401
    assert chosen.headers["Location"] == "/login"
    assert submit(owner, "/login", email=EVE, password="of my own choosing: 4711").status_code == 303


def test_second_sign_up_does_not_verify_the_first_password(client: TestClient) -> None:
    """The owner's browser did sign up, but not with the stored password. Behaviour 12."""
    sign_up(open_browser(client), password="the password of a stranger 99")
    owner = open_browser(client)
    link = sign_up(owner)

    verified = submit(owner, link, action="/verify")

    assert verified.headers["Location"].startswith("/password/reset/")
    stranger = submit(open_browser(client), "/login", email=EVE, password="the password of a stranger 99")
    assert stranger.status_code == 401


def test_registered_email_gets_the_same_response(client: TestClient, ada: User) -> None:
    """Behaviour 2."""
    first, second = open_browser(client), open_browser(client)

    taken = submit(first, "/signup", email=ada.email, password=PASSWORD)
    fresh = submit(second, "/signup", email="new@example.com", password=PASSWORD)

    assert (taken.status_code, taken.headers["Location"]) == (fresh.status_code, fresh.headers["Location"])
    assert [c.name for c in first.cookies.jar] == [c.name for c in second.cookies.jar]
    shown = [read_page(browser.get("/signup/sent")).text for browser in (first, second)]
    assert shown[0].replace(ada.email, "new@example.com") == shown[1]


def test_weak_password_shows_an_error_at_its_field(client: TestClient) -> None:
    """Behaviours 15, 143."""
    response = submit(open_browser(client), "/signup", email=EVE, password="short")

    page = read_page(response)
    assert response.status_code == 422
    assert "at least 12 characters" in page.text
    assert page.fields["password"]["aria-invalid"] == "true"
    assert page.forms["/signup"]["email"] == EVE
    assert "short" not in response.text.replace("shortest", "")


def test_unverified_user_can_resend_the_link_when_signing_in(client: TestClient) -> None:
    browser = open_browser(client)
    sign_up(browser)
    rejected = submit(browser, "/login", email=EVE, password=PASSWORD)

    form = read_page(rejected).forms["/verify/resend"]
    response = browser.post("/verify/resend", data=form)

    assert form["email"] == EVE
    assert (response.status_code, response.headers["Location"]) == (303, "/signup/sent")


def test_signed_in_user_is_redirected_from_sign_up(client: TestClient, ada: User) -> None:
    """Behaviour 35."""
    browser = open_browser(client, ada)

    home = app_of(client).state.home
    assert [browser.get(path).headers["Location"] for path in ("/signup", "/login")] == [home, home]
