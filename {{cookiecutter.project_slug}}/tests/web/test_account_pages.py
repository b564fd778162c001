"""Account pages: password, email, sessions, activity, data."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from app.database.base import utc_now
from tests.routes import app_of
from tests.support import PASSWORD, add_user, another_client, emails_to, in_database, latest_link
from tests.web.browser import cookie_name, open_browser, read_page, submit

pytestmark = pytest.mark.any_database  # the API tests cover their services on both databases

NEW = "a quite different phrase, 8 words"
SCRIPT = "<script>alert(1)</script>"


def let_time_pass(client: TestClient) -> None:
    """Move the last authentication of all sessions one hour back."""

    async def age(session: AsyncSession) -> None:
        await session.execute(update(AuthSession).values(authenticated_at=utc_now() - timedelta(hours=1)))

    in_database(client, age)


def test_password_change_signs_out_other_devices(client: TestClient, ada: User) -> None:
    """Behaviours 84, 85, 144."""
    browser, other = open_browser(client, ada), open_browser(client, ada)
    before = browser.cookies[cookie_name(browser)]

    wrong = submit(browser, "/account/password", current_password="not this one", new_password=NEW)
    weak = submit(browser, "/account/password", current_password=PASSWORD, new_password="short")
    done = submit(browser, "/account/password", current_password=PASSWORD, new_password=NEW)

    assert (wrong.status_code, weak.status_code, done.status_code) == (401, 422, 303)
    assert read_page(wrong).fields["current_password"]["aria-invalid"] == "true"
    assert read_page(weak).fields["new_password"]["aria-invalid"] == "true"
    assert "Password changed." in read_page(browser.get("/account/password")).text
    assert browser.cookies[cookie_name(browser)] != before
    assert other.get("/account").status_code == 303
    assert submit(open_browser(client), "/login", email=ada.email, password=NEW).status_code == 303


def test_sensitive_page_requires_reauthentication(client: TestClient, ada: User) -> None:
    """Behaviours 124, 125."""
    browser = open_browser(client, ada)
    form = read_page(browser.get("/account/email")).forms["/account/email"]
    let_time_pass(client)
    before = browser.cookies[cookie_name(browser)]

    opened = browser.get("/account/email")
    sent = browser.post("/account/email", data=form, headers={"Referer": "http://testserver/account/email?a=1"})
    wrong = submit(browser, opened.headers["Location"], password="not this one")
    right = submit(browser, opened.headers["Location"], password=PASSWORD)

    assert (opened.status_code, opened.headers["Location"]) == (303, "/reauth?next=%2Faccount%2Femail")
    assert (sent.status_code, sent.headers["Location"]) == (303, "/reauth?next=%2Faccount%2Femail%3Fa%3D1")
    assert (wrong.status_code, right.status_code, right.headers["Location"]) == (401, 303, "/account/email")
    assert browser.cookies[cookie_name(browser)] != before
    assert browser.get("/account/email").status_code == 200
    browser.cookies.set(cookie_name(browser), before, domain="testserver.local")
    assert browser.get("/account").status_code == 303


def test_reauthentication_does_not_redirect_to_other_sites(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    response = submit(browser, "/reauth?next=//evil.test", password=PASSWORD)

    assert response.headers["Location"] == app_of(client).state.home


def test_too_many_wrong_passwords_show_when_to_retry(client: TestClient, ada: User) -> None:
    """Behaviours 108, 125."""
    browser = open_browser(client, ada)
    form = read_page(browser.get("/reauth")).forms["/reauth"]

    responses = [browser.post("/reauth", data={**form, "password": "not this one"}) for _ in range(6)]

    assert [response.status_code for response in responses] == [*[401] * 5, 429]
    assert int(responses[-1].headers["Retry-After"]) > 0
    assert "Try again in 15 minutes." in read_page(responses[-1]).text


def test_email_change_is_confirmed_and_reverted_by_links(client: TestClient, ada: User) -> None:
    """Behaviours 101, 103, 106, 144."""
    browser = open_browser(client, ada)
    submit(browser, "/account/email", email="ada@new.example")
    link = latest_link(client, "ada@new.example")
    assert "ada@new.example" in read_page(browser.get("/account/email")).text

    opened = browser.get(link)
    before_confirming = browser.get("/account")
    response = submit(browser, link, action="/email/confirm")
    reverted = submit(browser, latest_link(client, ada.email), action="/email/revert")

    assert opened.headers["Referrer-Policy"] == "no-referrer"
    assert "ada@new.example" not in before_confirming.text
    assert (response.status_code, reverted.status_code) == (303, 303)
    assert browser.get("/account").status_code == 303
    assert latest_link(client, ada.email).startswith("/password/reset/")


def test_email_change_is_cancelled_from_the_old_mailbox(client: TestClient, ada: User) -> None:
    """Behaviour 103."""
    browser = open_browser(client, ada)
    submit(browser, "/account/email", email="ada@new.example")
    confirm = latest_link(client, "ada@new.example")

    cancelled = submit(open_browser(client), latest_link(client, ada.email), action="/email/cancel")

    assert cancelled.status_code == 303
    assert browser.get(confirm).status_code == 422


def test_sessions_are_listed_and_ended(client: TestClient, ada: User, bob: User) -> None:
    """Behaviours 75, 76, 77."""
    browser, other, theirs = (open_browser(client, ada), open_browser(client, ada), open_browser(client, bob))
    page = read_page(browser.get("/account/sessions"))
    (end,) = [action for action in page.forms if action.endswith("/end")]

    not_theirs = theirs.post(end, data=read_page(theirs.get("/account/sessions")).forms["/logout"])
    done = browser.post(end, data=page.forms[end])

    assert page.text.count("This device") == 1
    assert (not_theirs.status_code, done.status_code) == (404, 303)
    assert (browser.get("/account").status_code, other.get("/account").status_code) == (200, 303)


def test_signing_out_other_devices_and_everywhere(client: TestClient, ada: User) -> None:
    """Behaviour 78."""
    browser, other = open_browser(client, ada), open_browser(client, ada)

    submit(browser, "/account/sessions", action="/account/sessions/end-others")
    after = [window.get("/account").status_code for window in (browser, other)]
    third = open_browser(client, ada)
    everywhere = submit(browser, "/account/sessions", action="/account/sessions/end-all")

    assert after == [200, 303]
    assert (everywhere.status_code, everywhere.headers["Location"]) == (303, "/login")
    assert cookie_name(browser) not in browser.cookies
    assert [window.get("/account").status_code for window in (browser, third)] == [303, 303]


def test_activity_and_sessions_have_readable_escaped_labels(client: TestClient, ada: User) -> None:
    """Behaviours 36, 140."""
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
    for agent, password in ((firefox, PASSWORD), (SCRIPT, "not this one"), (SCRIPT, PASSWORD)):
        browser = another_client(client, Accept="text/html", **{"User-Agent": agent})
        submit(browser, "/login", email=ada.email, password=password)

    activity, sessions = (browser.get("/account/activity"), browser.get("/account/sessions"))

    assert "Failed sign-in" in read_page(activity).text
    for response in (activity, sessions):
        assert "Firefox on Linux" in read_page(response).text
        assert SCRIPT in read_page(response).text
        assert "<script>" not in response.text
    assert SCRIPT in emails_to(client, ada.email)[-1]


def test_data_is_exported_and_account_deleted(client: TestClient, ada: User) -> None:
    """Behaviours 144, 151."""
    browser, other = open_browser(client, ada), open_browser(client, ada)

    export = browser.get("/account/data/export")
    wrong = submit(browser, "/account/delete", confirmation="yes")
    done = submit(browser, "/account/delete", confirmation=" ADA@example.com")

    assert export.headers["Content-Disposition"] == 'attachment; filename="account.json"'
    assert ada.email in json.dumps(export.json())
    assert (wrong.status_code, done.status_code) == (422, 303)
    assert read_page(wrong).fields["confirmation"]["aria-invalid"] == "true"
    assert "Your account was deleted" in read_page(browser.get(done.headers["Location"])).text
    assert other.get("/account").status_code == 303
    assert submit(browser, "/login", email=ada.email, password=PASSWORD).status_code == 401


def test_last_admin_is_not_deleted(client: TestClient) -> None:
    """Behaviour 134."""
    browser = open_browser(client, add_user(client, "root@example.com", admin=True))

    response = submit(browser, "/account/delete", confirmation="root@example.com")

    assert response.status_code == 409
    assert "the last active admin" in read_page(response).text


def test_fields_have_autocomplete_for_password_managers(client: TestClient, ada: User) -> None:
    """Behaviour 143."""
    stranger, browser = open_browser(client), open_browser(client, ada)
    submit(stranger, "/password/forgot", email=ada.email)
    reset = latest_link(client, ada.email)
    pages = {
        **dict.fromkeys(["/signup", "/login", "/password/forgot", reset], stranger),
        **dict.fromkeys(["/reauth", "/account/password"], browser),
    }

    found: set[tuple[str, str]] = set()
    for path, window in pages.items():
        response = window.get(path)
        for name, field in read_page(response).fields.items():
            found.add((name, f"{field.get('type', 'text')} {field.get('autocomplete', '')}".strip()))
        assert "onpaste" not in response.text

    expected = {
        ("email", "email username"),
        ("username", "email username"),
        ("password", "password new-password"),
        ("password", "password current-password"),
        ("current_password", "password current-password"),
        ("new_password", "password new-password"),
        ("remember", "checkbox"),
        *([("keep_api_keys", "checkbox")] if client.app_state["authenticator"].bearer_schemes else []),
    }
    names = {name for name, _ in expected}
    assert {(name, kind) for name, kind in found if name in names} == expected
