"""Signing in and out with a browser."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from app.database.base import utc_now
from tests.routes import app_of
from tests.support import PASSWORD, add_user, emails_to, in_database, log_in
from tests.web.browser import cookie_name, copy_browser, is_signed_in, open_browser, read_page, submit

pytestmark = pytest.mark.any_database  # the API tests cover their services on both databases

WRONG = "not the password at all"


def test_login_redirects_to_the_home_page(client: TestClient, ada: User) -> None:
    browser = open_browser(client)

    response = submit(browser, "/login", email="ADA@Example.com", password=PASSWORD)

    assert (response.status_code, response.headers["Location"]) == (303, app_of(client).state.home)
    assert ada.email in browser.get("/account").text


def test_anonymous_user_is_redirected_to_sign_in_and_back(client: TestClient, ada: User) -> None:
    """Behaviour 33."""
    browser = open_browser(client)

    sent = browser.get("/account?a=%26b")
    response = submit(browser, sent.headers["Location"], email=ada.email, password=PASSWORD)

    assert (sent.status_code, response.status_code) == (303, 303)
    assert response.headers["Location"] == "/account?a=%26b"


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_wrong_password_and_unknown_email_get_the_same_response(client: TestClient, email: str) -> None:
    """Behaviour 27."""
    browser = open_browser(client)

    response = submit(browser, "/login", email=email, password=WRONG)

    page = read_page(response)
    assert response.status_code == 401
    assert "Incorrect email or password." in page.text
    assert page.forms["/login"]["email"] == email
    assert WRONG not in response.text
    assert cookie_name(browser) not in browser.cookies


def test_disabled_account_gets_the_same_response_as_a_wrong_password(client: TestClient, ada: User) -> None:
    """Behaviours 27, 54."""

    async def disable(session: AsyncSession) -> None:
        await session.execute(update(User).where(User.id == ada.id).values(is_active=False))

    browser = open_browser(client, ada)
    in_database(client, disable)

    assert submit(open_browser(client), "/login", email=ada.email, password=PASSWORD).status_code == 401
    assert not is_signed_in(browser)


def test_empty_form_shows_errors_at_its_fields(client: TestClient) -> None:
    response = submit(open_browser(client), "/login", email="", password="x" * 5000)

    page = read_page(response)
    assert response.status_code == 422
    assert page.fields["email"]["aria-describedby"] == "email-error"
    assert "autofocus" in page.fields["email"]
    assert "This field is required." in page.text


def test_session_cookie_over_http_is_httponly_and_samesite(client: TestClient, ada: User) -> None:
    response = submit(open_browser(client), "/login", email=ada.email, password=PASSWORD)

    name, *attributes = cookie_of(response)
    assert name.startswith(f"{cookie_name(client)}=")
    assert attributes == ["httponly", "path=/", "samesite=lax"]


def test_session_cookie_over_https_has_the_host_prefix(start_app: Callable[..., TestClient]) -> None:
    """Behaviour 31."""
    client = start_app(base_url="https://testserver")
    add_user(client, "ada@example.com")
    browser = open_browser(client, address="https://testserver")

    response = submit(browser, "/login", email="ada@example.com", password=PASSWORD)

    name, *attributes = cookie_of(response)
    assert name.startswith("__Host-session=")
    assert attributes == ["httponly", "path=/", "samesite=lax", "secure"]
    assert is_signed_in(browser)
    assert response.headers["Strict-Transport-Security"]


def test_remember_me_makes_the_cookie_persistent(client: TestClient, ada: User) -> None:
    response = submit(open_browser(client), "/login", email=ada.email, password=PASSWORD, remember="true")

    assert f"max-age={60 * 86_400}" in cookie_of(response)


def cookie_of(response: Any, name: str = "session") -> list[str]:
    """Return a cookie: name and value, then its attributes in lowercase."""
    (cookie,) = [item for item in response.headers.get_list("set-cookie") if f"{name}=" in item.partition(";")[0]]
    value, *attributes = cookie.split("; ")
    return [value, *sorted(attribute.lower() for attribute in attributes)]


def test_signing_in_again_ends_the_previous_session(client: TestClient, ada: User) -> None:
    """Behaviour 32."""
    browser = open_browser(client, ada)
    attacker = copy_browser(browser)
    token = read_page(browser.get("/account")).forms["/logout"]["csrf_token"]

    response = browser.post("/login", data={"csrf_token": token, "email": ada.email, "password": PASSWORD})

    assert response.status_code == 303
    assert browser.cookies[cookie_name(browser)] != attacker.cookies[cookie_name(attacker)]
    assert (is_signed_in(browser), is_signed_in(attacker)) == (True, False)


def test_session_id_cannot_be_fixed_by_an_attacker(client: TestClient, ada: User) -> None:
    """Behaviour 32."""
    browser = open_browser(client)
    browser.cookies.set(cookie_name(browser), "chosen-by-the-attacker")

    submit(browser, "/login", email=ada.email, password=PASSWORD)

    attacker = open_browser(client)
    attacker.cookies.set(cookie_name(attacker), "chosen-by-the-attacker")
    assert not is_signed_in(attacker)


def test_signing_out_invalidates_copied_cookies(client: TestClient, ada: User) -> None:
    """Behaviour 72."""
    browser = open_browser(client, ada)
    attacker = copy_browser(browser)

    response = submit(browser, "/account", action="/logout")

    assert (response.status_code, response.headers["Location"]) == (303, "/login")
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert cookie_name(browser) not in browser.cookies
    assert not is_signed_in(attacker)


def test_signing_out_does_not_affect_other_sessions(client: TestClient, ada: User) -> None:
    browser, other = open_browser(client, ada), open_browser(client, ada)

    submit(browser, "/account", action="/logout")

    assert is_signed_in(other)


def test_signed_in_user_is_redirected_from_login(client: TestClient, ada: User) -> None:
    """Behaviour 35."""
    browser = open_browser(client, ada)

    assert browser.get("/login").headers["Location"] == app_of(client).state.home
    assert browser.get("/login?next=/account?a=1").headers["Location"] == "/account?a=1"


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("//evil.test", id="another-host"),
        pytest.param("https://evil.test/", id="another-site"),
        pytest.param("https:evil.test", id="scheme"),
        pytest.param("javascript:alert(1)", id="script"),
        pytest.param("/\\evil.test", id="backslash"),
        pytest.param("\\\\evil.test", id="backslashes"),
        pytest.param("/\t/evil.test", id="tab"),
        pytest.param("\t//evil.test", id="tab-first"),
        pytest.param("/\r\nSet-Cookie: a=b", id="line-end"),
        pytest.param("/\n/evil.test", id="newline"),
        pytest.param(" /account", id="space"),
        pytest.param("account", id="relative"),
        pytest.param("/acc\u00f6unt", id="not-ascii"),
        pytest.param("", id="empty"),
    ],
)
def test_next_does_not_redirect_to_other_sites(client: TestClient, ada: User, target: str) -> None:
    """Behaviour 33."""
    browser = open_browser(client)
    shown = browser.get("/login", params={"next": target})
    form = read_page(shown).forms["/login"]

    response = browser.post("/login", data={**form, "next": target, "email": ada.email, "password": PASSWORD})

    home = app_of(client).state.home
    assert form["next"] == home
    assert (response.status_code, response.headers["Location"]) == (303, home)
    assert browser.get("/login", params={"next": target}).headers["Location"] == home


@pytest.mark.parametrize("column", [pytest.param("idle_expires_at", id="unused"), pytest.param("expires_at", id="old")])
def test_session_expires(client: TestClient, ada: User, column: str) -> None:
    """Behaviour 79."""
    browser = open_browser(client, ada)

    async def expire(session: AsyncSession) -> None:
        await session.execute(update(AuthSession).values({column: utc_now() - timedelta(seconds=1)}))

    in_database(client, expire)

    assert not is_signed_in(browser)


def test_use_extends_a_session_up_to_its_absolute_lifetime(client: TestClient, ada: User) -> None:
    """Behaviour 79."""
    browser = open_browser(client, ada)
    a_while, longest = utc_now() - timedelta(hours=11), utc_now() + timedelta(seconds=60)

    async def age(session: AsyncSession) -> None:
        values = {"last_seen_at": a_while, "idle_expires_at": longest, "expires_at": longest}
        await session.execute(update(AuthSession).values(values))

    async def read(session: AsyncSession) -> AuthSession:
        return (await session.scalars(select(AuthSession))).one()

    in_database(client, age)

    assert is_signed_in(browser)
    kept = in_database(client, read)
    assert kept.idle_expires_at > utc_now() + timedelta(hours=11)
    assert kept.expires_at == longest


def test_pages_ignore_bearer_tokens_and_the_api_ignores_cookies(client: TestClient, ada: User) -> None:
    """Behaviour 52."""
    bearer = {"Authorization": f"Bearer {log_in(client, ada.email)['access_token']}"}

    assert open_browser(client).get("/account", headers=bearer).status_code == 303
    assert open_browser(client, ada).get("/api/v1/users/me").status_code == 401


def test_token_of_an_api_session_is_not_a_cookie(client: TestClient, ada: User) -> None:
    """Behaviour 82."""
    browser = open_browser(client)
    browser.cookies.set(cookie_name(browser), log_in(client, ada.email)["refresh_token"])

    assert not is_signed_in(browser)


def lock(client: TestClient, user: User) -> None:
    """Guess passwords as an attacker until sign-in is blocked."""
    responses = [log_in_with(client, user, WRONG) for _ in range(6)]
    assert responses == [401] * 5 + [429]


def log_in_with(client: TestClient, user: User, password: str) -> int:
    return client.post("/api/v1/auth/login", json={"email": user.email, "password": password}).status_code


def test_guessing_does_not_lock_owner_out_of_known_device(client: TestClient, ada: User) -> None:
    """Behaviour 109."""
    browser, unknown = open_browser(client), open_browser(client)
    submit(browser, "/login", email=ada.email, password=PASSWORD)
    submit(browser, "/account", action="/logout")
    lock(client, ada)

    assert submit(browser, "/login", email=ada.email, password=PASSWORD).status_code == 303
    assert submit(unknown, "/login", email=ada.email, password=PASSWORD).status_code == 429
    assert log_in_with(client, ada, PASSWORD) == 429, "the stranger's count went on"


def test_device_cookie_is_bound_to_the_account(client: TestClient, ada: User, bob: User) -> None:
    browser = open_browser(client)
    submit(browser, "/login", email=bob.email, password=PASSWORD)
    submit(browser, "/account", action="/logout")
    lock(client, ada)
    forged = open_browser(client)
    forged.cookies.set(
        cookie_name(forged, "device"), browser.cookies[cookie_name(browser, "device")].replace(bob.id.hex, ada.id.hex)
    )

    for trying in (browser, forged):
        assert submit(trying, "/login", email=ada.email, password=PASSWORD).status_code == 429


def test_known_device_has_its_own_rate_limit(client: TestClient, ada: User) -> None:
    browser = open_browser(client)
    submit(browser, "/login", email=ada.email, password=PASSWORD)
    submit(browser, "/account", action="/logout")

    guesses = [submit(browser, "/login", email=ada.email, password=WRONG).status_code for _ in range(6)]

    assert guesses == [401] * 5 + [429]
    assert submit(open_browser(client), "/login", email=ada.email, password=PASSWORD).status_code == 303


def test_device_cookie_is_httponly_and_has_no_personal_data(client: TestClient, ada: User) -> None:
    response = submit(open_browser(client), "/login", email=ada.email, password=PASSWORD)

    value, *attributes = cookie_of(response, "device")
    assert ada.email not in value
    assert attributes == ["httponly", f"max-age={400 * 86_400}", "path=/", "samesite=lax"]


def test_sign_in_from_a_known_device_sends_no_email(client: TestClient, ada: User) -> None:
    """Behaviour 37. Even if the user agent changes with an update."""
    browser = open_browser(client)
    submit(browser, "/login", email=ada.email, password=PASSWORD)
    submit(browser, "/account", action="/logout")
    browser.headers["User-Agent"] = "the same, updated"

    submit(browser, "/login", email=ada.email, password=PASSWORD)

    assert emails_to(client, ada.email) == []
    stranger = open_browser(client)
    stranger.headers["User-Agent"] = "another"
    submit(stranger, "/login", email=ada.email, password=PASSWORD)
    assert len(emails_to(client, ada.email)) == 1


@pytest.mark.parametrize(("path", "other"), [("/login", "/signup"), ("/signup", "/login")])
def test_header_offers_the_other_page_only(client: TestClient, path: str, other: str) -> None:
    links = read_page(open_browser(client).get(path)).links

    assert path not in links
    assert links.count(other) == 2  # in the header and below the form
