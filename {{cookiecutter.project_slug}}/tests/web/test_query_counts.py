"""Number of database queries per page; see `tests/api/test_query_counts.py`."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.accounts.email_links import NEW, reset_rate_limits
from tests.query_counts import capture_queries, count_queries, without_features
from tests.support import PASSWORD, add_user, latest_link, sign_in
from tests.web.browser import open_browser, read_page, submit

pytestmark = pytest.mark.any_database

EVE, EVES_NEW = "eve@example.com", "eve@new.example.com"


def test_signing_up_and_in(client: TestClient) -> None:
    browser = open_browser(client)
    with capture_queries(browser) as requests:
        submit(browser, "/signup", email=EVE, password=PASSWORD)
        reset_rate_limits(client)
        browser.post("/verify/resend", data=read_page(browser.get("/signup/sent")).forms["/verify/resend"])
        submit(browser, latest_link(client, EVE), action="/verify")
        submit(browser, "/password/forgot", email=EVE)
        browser.get("/password/sent")
        submit(browser, latest_link(client, EVE), action="/password/reset", password=NEW)
        submit(browser, "/login", email=EVE, password=NEW)
        browser.get("/account/deleted")

    assert count_queries(without_features(requests)) == {
        "GET /signup": 0,
        "POST /signup": 11,
        "GET /signup/sent": 0,
        "POST /verify/resend": 9,
        "GET /verify/{token}": 1,
        "POST /verify": 8,
        "GET /password/forgot": 0,
        "POST /password/forgot": 9,
        "GET /password/sent": 0,
        "GET /password/reset/{token}": 1,
        "POST /password/reset": 10,
        "GET /login": 0,
        "POST /login": 9,
        "GET /account/deleted": 1,
    }


def test_dev_mailbox(client: TestClient) -> None:
    browser = open_browser(client)
    with capture_queries(browser) as requests:
        for path in ("/dev/mail", "/dev/mail/1", "/dev/mail/1/html"):
            browser.get(path)

    assert count_queries(without_features(requests)) == {
        "GET /dev/mail": 0,
        "GET /dev/mail/{mail_id}": 0,
        "GET /dev/mail/{mail_id}/html": 0,
    }


def test_own_account(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    with capture_queries(browser) as requests:
        submit(browser, "/account", display_name="Ada")
        for _ in range(3):
            sign_in(client, ada)
            browser.get("/account/activity")
            browser.get("/account/sessions")
        ends = [form for form in read_page(browser.get("/account/sessions")).forms if form.endswith("/end")]
        submit(browser, "/account/sessions", action=ends[0])
        submit(browser, "/account/sessions", action="/account/sessions/end-others")
        submit(browser, "/account/password", current_password=PASSWORD, new_password=NEW)
        submit(browser, "/reauth", password=NEW)
        browser.get("/account/data")
        browser.get("/account/data/export")
        assert submit(browser, "/account/delete", confirmation=ada.email).status_code == 303

    assert count_queries(without_features(requests)) == {
        "GET /account": 2,
        "POST /account": 3,
        "GET /account/activity": 2,
        "GET /account/sessions": 2,
        "POST /account/sessions/{session_id}/end": 3,
        "POST /account/sessions/end-others": 3,
        "GET /account/password": 1,
        "POST /account/password": 12,
        "GET /reauth": 1,
        "POST /reauth": 7,
        "GET /account/data": 1,
        "GET /account/data/export": 5,
        "GET /account/delete": 1,
        "POST /account/delete": 7,
    }


@pytest.mark.parametrize("last", ["confirm", "cancel", "revert"])
def test_email_change(client: TestClient, last: str) -> None:
    browser = open_browser(client, add_user(client, EVE))
    with capture_queries(browser) as requests:
        submit(browser, "/account/email", email=EVES_NEW)
        if last != "cancel":
            submit(browser, latest_link(client, EVES_NEW), action="/email/confirm")
        if last != "confirm":
            submit(browser, latest_link(client, EVE), action=f"/email/{last}")

    assert (
        count_queries(without_features(requests)).items()
        <= {
            "GET /account/email": 1,
            "POST /account/email": 14,
            "GET /email/confirm/{token}": 2,
            "POST /email/confirm": 13,
            "GET /email/cancel/{token}": 2,
            "POST /email/cancel": 6,
            "GET /email/revert/{token}": 2,
            "POST /email/revert": 17,
        }.items()
    )


def test_signing_out(client: TestClient, ada: User) -> None:
    browser, other = open_browser(client, ada), open_browser(client, ada)
    with capture_queries(browser, other) as requests:
        submit(browser, "/account", action="/logout")
        submit(other, "/account/sessions", action="/account/sessions/end-all")

    assert count_queries(without_features(requests)) == {
        "GET /account": 2,
        "POST /logout": 3,
        "GET /account/sessions": 2,
        "POST /account/sessions/end-all": 3,
    }
