"""The language of pages and emails. API responses are in English."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, IPvAnyAddress, StringConstraints, TypeAdapter, ValidationError
from starlette.testclient import TestClient

from app import i18n
from app.accounts.models import User
from app.api.field_types import (
    AwareUtcDatetime,
    Duration,
    HttpUrlString,
    JsonObject,
    NotReserved,
    PhoneNumber,
    ShortText,
    TimeOfDay,
)
from app.api.schemas import check_storable
from app.api.validation_messages import validation_message
from app.database.base import utc_now
from app.i18n import available_locales, use_locale
from app.web.formatting import display_value, time_tag
from tests.query_counts import capture_queries, count_queries
from tests.routes import app_of
from tests.support import PASSWORD, emails_to, latest_link, log_in, problem_of, with_token
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


@pytest.mark.parametrize(
    ("header", "expected"), [("zh-CN,zh;q=0.9", "zh_Hans_CN"), ("zh-TW", "zh_Hant"), ("pt-br", "pt_BR"), ("pt", "en")]
)
def test_language_with_several_scripts_or_countries(
    monkeypatch: pytest.MonkeyPatch, header: str, expected: str
) -> None:
    monkeypatch.setattr(i18n, "available_locales", lambda: ("en", "pt_BR", "zh_Hans_CN", "zh_Hant"))

    assert i18n.choose_locale(None, None, header) == expected


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
        ("http://testserver/signup", "/signup"),  # answers GET and POST
        ("http://testserver/verify", ""),  # answers POST only
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


def test_sign_up_in_german(client: TestClient) -> None:
    browser = open_browser(client)
    browser.headers.update(GERMAN)

    refused = submit(browser, "/signup", email="eve@example.com", password="abc")
    submit(browser, "/signup", email="eve@example.com", password=PASSWORD)

    (mail,) = emails_to(client, "eve@example.com")
    assert "Verwenden Sie mindestens" in read_page(refused).text
    assert "Prüfen Sie Ihre E-Mails" in browser.get("/signup/sent").text
    assert mail.startswith("Subject: Bestätigen Sie Ihre E-Mail-Adresse")
    assert "\nContent-Language: de\n" in mail


def test_language_of_whoever_signed_up_is_not_kept(client: TestClient) -> None:
    attacker = open_browser(client)
    attacker.headers.update(GERMAN)
    submit(attacker, "/signup", email="eve@example.com", password=PASSWORD)
    owner = open_browser(client)

    confirmed = submit(owner, latest_link(client, "eve@example.com"), action="/verify")

    assert confirmed.headers["Location"].startswith("/password/reset/")
    client.post("/api/v1/auth/password/forgot", json={"email": "eve@example.com"})
    assert emails_to(client, "eve@example.com")[-1].startswith("Subject: Reset your")


def test_emails_are_in_the_language_of_the_account(client: TestClient, ada: User) -> None:
    api = with_token(client, log_in(client, ada.email)["access_token"])
    api.patch("/api/v1/users/me", json={"locale": "de"})

    client.post("/api/v1/auth/password/forgot", json={"email": ada.email})

    assert emails_to(client, ada.email)[-1].startswith("Subject: Setzen Sie Ihr Passwort")


def test_values_are_formatted_for_the_language() -> None:
    moment = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)

    with use_locale("de"):
        assert display_value(moment) == "1. März 2026, 09:05 UTC"
        assert display_value(Decimal("12.50")) == "12,50"
        numbers = [2026, -26382, Decimal("26382.5")]
        assert [display_value(number) for number in numbers] == ["2026", "-26.382", "26.382,5"]
        assert display_value(timedelta(days=1, minutes=-30)) == "23 Std. 30 Min."
        assert display_value(timedelta(seconds=-1.25)) == "-1,25 Sek."
        assert display_value(["Tee", "Kaffee", "Milch"]) == "Tee, Kaffee und Milch"
        assert ">vor 2 Stunden</time>" in time_tag(utc_now() - timedelta(hours=2, minutes=50), relative=True)
        assert ">vor 23 Stunden</time>" in time_tag(utc_now() - timedelta(hours=23, minutes=50), relative=True)
        assert ">vor 6 Tagen</time>" in time_tag(utc_now() - timedelta(days=6, hours=23), relative=True)


@pytest.mark.parametrize(
    ("field_type", "entered"),
    [
        (AwareUtcDatetime, "0001-01-01T00:00+01:00"),
        (Duration, "2000000d"),
        (Duration, "soon"),
        (HttpUrlString, "https://ä.example"),
        (HttpUrlString, "example"),
        (JsonObject, {"a": "x" * 60_000}),
        (JsonObject, {"a": math.inf}),
        (PhoneNumber, "1"),
        (Annotated[str, NotReserved], "new"),
        (ShortText, "a\nb"),
        (Annotated[str, AfterValidator(check_storable)], "\x00"),
        (Annotated[str, AfterValidator(check_storable)], "\ud800"),
        (TimeOfDay, "10:00Z"),
    ],
)
def test_messages_of_own_validators_are_translated(field_type: Any, entered: object) -> None:
    english = message_of(field_type, entered)

    with use_locale("de"):
        german = message_of(field_type, entered)

    assert german not in {english, "Geben Sie einen gültigen Wert ein."}


@pytest.mark.parametrize("field_type", [IPvAnyAddress, Annotated[str, StringConstraints(ascii_only=True)]])
def test_other_messages_of_pydantic_are_general_ones(field_type: Any) -> None:
    with use_locale("de"):
        assert message_of(field_type, "ä") == "Geben Sie einen gültigen Wert ein."


def test_messages_of_a_projects_validators_stay_as_they_are() -> None:
    def refuse(_: str) -> str:
        raise ValueError("the shop is closed")

    with use_locale("de"):
        assert message_of(Annotated[str, AfterValidator(refuse)], "x") == "The shop is closed."


def message_of(field_type: Any, entered: object) -> str:
    """Return what a form says about a value."""
    with pytest.raises(ValidationError) as rejected:
        TypeAdapter(field_type).validate_python(entered)
    return validation_message(rejected.value.errors()[0])


def test_invalid_email_address_in_german(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    browser.headers.update(GERMAN)

    shown = submit(browser, "/account/email", email="ada@example..com")

    assert "Geben Sie eine gültige E-Mail-Adresse ein" in read_page(shown).text


def test_api_is_in_english(client: TestClient) -> None:
    open_browser(client).get("/login", headers=GERMAN)

    problem = problem_of(client.get("/api/v1/users/me", headers=GERMAN))

    assert problem["title"] == "Unauthorized"
