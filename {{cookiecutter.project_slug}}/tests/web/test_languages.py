"""The language of pages and emails. API responses are in English."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.i18n import available_locales
from tests.query_counts import capture_queries, count_queries
from tests.routes import app_of
from tests.support import log_in, problem_of, with_token
from tests.web.browser import cookie_name, open_browser, read_page, submit

pytestmark = pytest.mark.skipif("de" not in available_locales(), reason="there are no German texts")

GERMAN = {"Accept-Language": "de"}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("DE", "de"),
        ("en;q=0.5, de;q=0.9", "de"),
        ("en, de", "en"),
        ("fr, de;q=0", "en"),
        ("xx, de;q=0.1", "de"),
        ("", "en"),
        ("*", "en"),
        ("de;q=high, ,;;, -_-, \\xff", "en"),
        ("x" * 5_000, "en"),
    ],
)
def test_language_of_the_browser(client: TestClient, header: str, expected: str) -> None:
    shown = open_browser(client).get("/login", headers={"Accept-Language": header})

    assert f'<html lang="{expected}">' in shown.text
    assert shown.headers["Content-Language"] == expected
    assert shown.headers["Vary"] == "Accept-Language, Cookie"


def test_visitor_chooses_a_language(client: TestClient) -> None:
    browser = open_browser(client)

    submit(browser, "/login", action="/language", locale="de")

    shown = browser.get("/login", headers={"Accept-Language": "en"})
    assert read_page(shown).forms["/language"]["locale"] == "de"
    assert "Sprache" in shown.text
    odd = open_browser(client)
    odd.cookies.set(cookie_name(client, "locale"), "xx")
    assert '<html lang="en">' in odd.get("/login").text


def test_account_has_a_language(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    api = with_token(client, log_in(client, ada.email)["access_token"])

    with capture_queries(browser) as requests:
        submit(browser, "/account", action="/language", locale="de")

    assert count_queries(requests) == {"GET /account": 2, "POST /language": 3}
    assert '<html lang="de">' in open_browser(client, ada).get("/account").text
    assert api.get("/api/v1/users/me").json()["locale"] == "de"
    submit(browser, "/account", locale="en")
    assert '<html lang="en">' in browser.get("/account", headers=GERMAN).text
    assert api.patch("/api/v1/users/me", json={"locale": None}).json()["locale"] is None
    browser.cookies.delete("locale")
    assert '<html lang="de">' in browser.get("/account", headers=GERMAN).text


def test_unknown_languages_are_rejected(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    api = with_token(client, log_in(client, ada.email)["access_token"])

    response = submit(browser, "/account", action="/language", locale="xx")

    assert response.headers["Location"] == app_of(client).state.home
    assert '<html lang="en">' in browser.get("/account").text
    assert problem_of(api.patch("/api/v1/users/me", json={"locale": "xx"}))["errors"][0]["loc"] == ["body", "locale"]
    assert submit(browser, "/account", locale="xx").status_code == 422


@pytest.mark.parametrize(
    ("referer", "target"),
    [
        ("http://testserver/login?next=/x", "/login?next=/x"),
        ("http://[", ""),
        ("//x//y", ""),
        ("", ""),
    ],
)
def test_page_with_the_form_is_shown_again(client: TestClient, referer: str, target: str) -> None:
    headers = {"Referer": referer, "Sec-Fetch-Site": "same-origin"}

    response = open_browser(client).post("/language", data={"locale": "de"}, headers=headers)

    assert response.headers["Location"] == (target or app_of(client).state.home)


def test_language_of_an_account_needs_a_token(client: TestClient, ada: User) -> None:
    assert open_browser(client, ada).post("/language", data={"locale": "de"}).status_code == 403


def test_api_is_in_english(client: TestClient) -> None:
    open_browser(client).get("/login", headers=GERMAN)

    problem = problem_of(client.get("/api/v1/users/me", headers=GERMAN))

    assert problem["title"] == "Unauthorized"
