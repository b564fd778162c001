"""The API docs for signed-in users: an access token with one click."""

import re

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.query_counts import capture_queries, count_queries
from tests.support import problem_of, with_token
from tests.web.browser import open_browser, read_page, submit

ME = "/api/v1/users/me"
TOKEN = "/docs/token"
JSON = {"Accept": "application/json"}


def test_token_is_revoked_with_its_session(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    with capture_queries(browser) as requests:
        response = submit(browser, "/docs", action=TOKEN)

    assert response.status_code == 200
    assert count_queries(requests) == {"GET /docs": 1, "POST /docs/token": 1}
    assert response.json().keys() == {"access_token", "token_type", "expires_in"}
    assert response.headers["Cache-Control"] == "no-store"
    caller = with_token(client, response.json()["access_token"])
    assert caller.get(ME).json()["email"] == ada.email
    assert caller.patch(ME, json={"display_name": "Ada"}).status_code == 200
    assert [session["current"] for session in caller.get("/api/v1/auth/sessions").json()] == [True]

    submit(browser, "/account", action="/logout")

    assert problem_of(caller.get(ME))["type"] == "urn:problem:InvalidToken"


@pytest.mark.any_database
def test_token_requires_the_csrf_token(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    form = read_page(browser.get("/docs")).forms[TOKEN]

    assert problem_of(browser.post(TOKEN, headers=JSON))["type"] == "urn:problem:InvalidCsrfToken"
    cross_site = {**JSON, "Sec-Fetch-Site": "cross-site"}
    assert problem_of(browser.post(TOKEN, data=form, headers=cross_site))["type"] == "urn:problem:CrossSiteRequest"
    assert browser.get(TOKEN).status_code == 405


@pytest.mark.any_database
def test_anonymous_users_are_offered_to_sign_in(client: TestClient) -> None:
    browser = open_browser(client)

    page = read_page(browser.get("/docs"))

    assert TOKEN not in page.forms
    assert {"/login?next=/docs", "/redoc", "/openapi.json"} <= set(page.links)
    csrf = {"csrf_token": read_page(browser.get("/login")).forms["/login"]["csrf_token"]}
    assert problem_of(browser.post(TOKEN, data=csrf, headers=JSON))["type"] == "urn:problem:LoginRequired"


@pytest.mark.any_database
def test_page_runs_no_inline_script(client: TestClient, ada: User) -> None:
    shown = open_browser(client, ada).get("/docs")

    assert re.findall(r"<script(?![^>]*\bsrc=)", shown.text) == []
    assert "script-src 'self';" in shown.headers["Content-Security-Policy"]
    assert shown.headers["Cache-Control"] == "no-store"
