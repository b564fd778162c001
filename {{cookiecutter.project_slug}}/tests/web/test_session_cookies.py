"""Session cookies: expiry, rotation and concurrent requests."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from app.database.base import utc_now
from tests.support import PASSWORD, add_user, in_database, sign_in
from tests.web.browser import cookie_name, copy_browser, is_signed_in, open_browser, read_page, submit

SESSIONS = "/api/v1/auth/sessions"


def change_sessions(client: TestClient, **values: Any) -> None:
    """Update all sessions in the database."""
    in_database(client, lambda session: session.execute(update(AuthSession).values(values)))


def a_day_later(client: TestClient) -> None:
    """Make the cookies look a day old."""
    change_sessions(client, token_issued_at=utc_now() - timedelta(hours=25))


def half_a_minute_later(client: TestClient) -> None:
    change_sessions(client, token_issued_at=utc_now() - timedelta(seconds=31))


def set_cookies(response: Any) -> list[str]:
    return [item for item in response.headers.get_list("set-cookie") if "session=" in item.partition(";")[0]]


@pytest.mark.any_database
def test_ended_session_signs_its_browser_out(client: TestClient, ada: User, as_ada: TestClient) -> None:
    """Behaviours 76, 78."""
    first, second, third = [open_browser(client, ada) for _ in range(3)]
    newest = as_ada.get(SESSIONS).json()[0]
    assert newest["kind"] == "web"

    as_ada.delete(f"{SESSIONS}/{newest['id']}")
    assert [is_signed_in(browser) for browser in (first, second, third)] == [True, True, False]

    as_ada.post("/api/v1/auth/logout-all")
    assert [is_signed_in(browser) for browser in (first, second)] == [False, False]


def test_cookie_is_rotated_once_a_day(client: TestClient, ada: User) -> None:
    """Behaviour 80."""
    browser = open_browser(client, ada)
    assert set_cookies(browser.get("/account")) == []
    attacker = copy_browser(browser)
    a_day_later(client)

    changed = browser.get("/account")

    assert len(set_cookies(changed)) == 1
    assert browser.cookies[cookie_name(browser)] != attacker.cookies[cookie_name(attacker)]
    assert set_cookies(browser.get("/account")) == []
    half_a_minute_later(client)
    assert (is_signed_in(browser), is_signed_in(attacker)) == (True, False)


def test_concurrent_requests_during_rotation_stay_signed_in(client: TestClient, ada: User) -> None:
    """Behaviour 80."""
    browsers = [open_browser(client, ada)]
    browsers += [copy_browser(browsers[0]) for _ in range(4)]
    a_day_later(client)

    with ThreadPoolExecutor(5) as threads:
        responses = list(threads.map(lambda browser: browser.get("/account"), browsers))

    assert [response.status_code for response in responses] == [200] * 5
    assert sum(len(set_cookies(response)) for response in responses) == 1
    assert all(is_signed_in(browser) for browser in browsers)


@pytest.mark.any_database
def test_open_form_stays_valid_after_rotation(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    form = read_page(browser.get("/account")).forms["/account"]
    a_day_later(client)
    browser.get("/account")

    assert browser.post("/account", data={**form, "display_name": "Ada"}).status_code == 303


@pytest.mark.any_database
def test_rotation_does_not_extend_a_remembered_session(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    change_sessions(client, remember=True, expires_at=utc_now() + timedelta(hours=2))
    a_day_later(client)

    (cookie,) = set_cookies(browser.get("/account"))

    max_age = int(cookie.lower().partition("max-age=")[2].partition(";")[0])
    assert 7100 < max_age <= 7200


@pytest.mark.any_database
def test_form_submission_does_not_rotate_the_cookie(client: TestClient, ada: User) -> None:
    """A redirect could lose the new cookie, so the next page sets it."""
    browser = open_browser(client, ada)
    form = read_page(browser.get("/account")).forms["/account"]
    a_day_later(client)

    saved = browser.post("/account", data={**form, "display_name": "Ada"})

    assert (saved.status_code, set_cookies(saved)) == (303, [])
    assert len(set_cookies(browser.get(saved.headers["Location"]))) == 1


@pytest.mark.database("sqlite")  # has a single writer
def test_invalid_form_does_not_deadlock_with_rotation(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    form = read_page(browser.get("/account")).forms["/account"]
    a_day_later(client)

    assert browser.post("/account", data={**form, "display_name": "x" * 121}).status_code == 422


@pytest.mark.any_database
@pytest.mark.parametrize("how", ["random", "truncated", "foreign", "long", "not-ascii"])
def test_invalid_cookie_is_anonymous(start_app: Callable[..., TestClient], client: TestClient, how: str) -> None:
    """Behaviour 82."""
    ada = add_user(client, "ada@example.com")
    cookie = open_browser(client, ada).cookies[cookie_name(client)]
    foreign = open_browser(start_app(secret_key="the key of another installation: it is not ours"), ada)
    values = {
        "random": "x" * 60,
        "truncated": cookie[:-1],
        "foreign": foreign.cookies[cookie_name(foreign)],
        "long": cookie * 40,
        "not-ascii": "ü\x7f",
    }[how]

    for path, status in {"/account": 303, "/login": 200, "/admin/": 303}.items():
        response = open_browser(client).get(path, headers={b"Cookie": f"{cookie_name(client)}={values}".encode()})
        assert response.status_code in {status, 404}, path


@pytest.mark.any_database
def test_signed_out_pages_are_not_cached(client: TestClient, ada: User) -> None:
    """Behaviour 81."""
    browser = open_browser(client, ada)
    shown = browser.get("/account")

    left = submit(browser, "/account", action="/logout")

    assert shown.headers["Cache-Control"] == "no-store"
    assert not {"ETag", "Last-Modified"} & set(shown.headers)
    assert "storage" in left.headers["Clear-Site-Data"]
    back = browser.get("/account", headers={"If-None-Match": "*", "If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"})
    assert (back.status_code, back.headers["Location"]) == (303, "/login?next=%2Faccount")


@pytest.mark.any_database
def test_signing_out_without_a_session_succeeds(client: TestClient) -> None:
    """Behaviour 74."""
    browser = open_browser(client)
    token = read_page(browser.get("/login")).forms["/login"]["csrf_token"]

    response = browser.post("/logout", data={"csrf_token": token})

    assert (response.status_code, response.headers["Location"]) == (303, "/login")


@pytest.mark.any_database
def test_last_ip_address_is_recorded(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    change_sessions(client, last_seen_at=utc_now() - timedelta(minutes=2))

    browser.get("/account")

    noted = in_database(client, lambda session: session.scalar(select(AuthSession.ip_last)))
    assert noted == "testclient"
    assert sign_in(client, ada).get(SESSIONS).json()[1]["ip"] == "testclient"


@pytest.mark.any_database
def test_reauthentication_changes_the_cookie(client: TestClient, ada: User) -> None:
    """Behaviours 124, 125. On the pages."""
    browser = open_browser(client, ada)
    attacker = copy_browser(browser)
    change_sessions(client, authenticated_at=utc_now() - timedelta(minutes=16))

    response = submit(browser, "/reauth?next=/account", action="/reauth", password=PASSWORD)

    assert (response.status_code, response.headers["Location"]) == (303, "/account")
    assert browser.cookies[cookie_name(browser)] != attacker.cookies[cookie_name(attacker)]
    assert (is_signed_in(browser), is_signed_in(attacker)) == (True, False)
    verified = in_database(client, lambda session: session.scalar(select(AuthSession.authenticated_at)))
    assert verified is not None
    assert utc_now() - verified < timedelta(minutes=1)
