"""Web pages for two-factor authentication."""

import re
from datetime import timedelta
from html import unescape

import pytest
from httpx2 import Response
from sqlalchemy import update
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from app.database.base import utc_now
from app.features.second_factor.models import LoginChallenge
from tests.features.second_factor.helpers import allow_code_reuse, current_code, wrong_code
from tests.query_counts import capture_queries, count_queries
from tests.routes import app_of
from tests.support import PASSWORD, in_database
from tests.web.browser import cookie_name, open_browser, read_page, submit

pytestmark = pytest.mark.any_database  # the API tests cover their services on both databases

HOME = "/account/second-factor"
ASK = "/login/second-factor"
CODE = re.compile(r"\b\d{1,2}-[A-Z2-9]{5}-[A-Z2-9]{5}\b")


def enable(client: TestClient, user: User) -> tuple[TestClient, str, list[str]]:
    """Enable it with a browser; return the browser, the secret and the recovery codes."""
    browser = open_browser(client, user)
    started = submit(browser, f"{HOME}/add")
    assert (started.status_code, started.headers["Location"]) == (303, f"{HOME}/confirm")
    found = re.search(r"secret=([A-Z2-7]+)", browser.get(f"{HOME}/confirm").text)
    assert found
    shown = submit(browser, f"{HOME}/confirm", code=current_code(found[1]))
    assert shown.status_code == 200, shown.text
    allow_code_reuse(client)
    return browser, found[1], CODE.findall(read_page(shown).text)


def give_password(client: TestClient, user: User, **entered: str) -> tuple[TestClient, Response]:
    """Enter the password in a new browser."""
    browser = open_browser(client)
    return browser, submit(browser, "/login", email=user.email, password=PASSWORD, **entered)


def test_setup_shows_recovery_codes(client: TestClient, ada: User) -> None:
    """Behaviour 116."""
    browser = open_browser(client, ada)
    assert "Set up" in read_page(browser.get(HOME)).text

    browser, _, codes = enable(client, ada)

    assert len(codes) == len(set(codes)) == 10
    page = browser.get(HOME)
    assert "10 left" in read_page(page).text
    assert not [code for code in codes if code in page.text]
    for path in (f"{HOME}/add", f"{HOME}/confirm"):
        assert browser.get(path).headers["Location"] == HOME


def test_qr_code_has_the_secret_and_obeys_the_csp(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    submit(browser, f"{HOME}/add")

    shown = browser.get(f"{HOME}/confirm")

    page = read_page(shown)  # rejects inline code
    assert "svg" in page.tags
    assert "<style" not in shown.text
    assert "style-src 'self';" in shown.headers["Content-Security-Policy"]
    assert shown.headers["Cache-Control"] == "no-store"
    (uri,) = (link for link in page.links if link.startswith("otpauth:"))
    secret = re.search(r"secret=(\w+)", unescape(uri))
    assert secret
    assert secret[1] in page.text.replace(" ", "")


def test_wrong_setup_code_shows_the_same_qr_code_again(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    submit(browser, f"{HOME}/add")
    before = browser.get(f"{HOME}/confirm")
    secret = re.search(r"secret=([A-Z2-7]+)", before.text)
    assert secret

    for code, words in ((wrong_code(secret[1]), "Incorrect code."), ("", "This field is required.")):
        rejected = submit(browser, f"{HOME}/confirm", code=code)
        assert rejected.status_code == 422
        assert words in read_page(rejected).text
        assert f"secret={secret[1]}" in rejected.text
    assert "Off." in browser.get(HOME).text


def test_setup_requires_a_verified_email(client: TestClient, ada: User) -> None:
    """Behaviour 117."""
    in_database(client, lambda session: session.execute(update(User).values(email_verified_at=None)))

    rejected = submit(open_browser(client, ada), f"{HOME}/add")

    assert rejected.status_code == 403
    assert "Email address not verified" in read_page(rejected).text


def test_password_alone_does_not_sign_in(client: TestClient, ada: User) -> None:
    """Behaviour 118. On the pages."""
    enable(client, ada)

    browser, response = give_password(client, ada, next="/account/second-factor")

    assert response.status_code == 303
    assert response.headers["Location"].startswith(ASK)
    assert cookie_name(browser) not in browser.cookies
    assert browser.get("/account").headers["Location"].startswith("/login")


def test_code_signs_in_and_redirects_to_next(client: TestClient, ada: User) -> None:
    """Behaviours 31, 118."""
    _, secret, _ = enable(client, ada)
    browser, response = give_password(client, ada, next=HOME)
    before = dict(browser.cookies)

    done = submit(browser, response.headers["Location"], action=ASK, code=current_code(secret))

    assert (done.status_code, done.headers["Location"]) == (303, HOME)
    assert "session" not in before
    assert "On." in read_page(browser.get(HOME)).text
    assert browser.get(ASK).headers["Location"] == "/login"


@pytest.mark.parametrize("remember", [True, False])
def test_remember_me_survives_the_second_factor(client: TestClient, ada: User, *, remember: bool) -> None:
    _, secret, _ = enable(client, ada)
    browser, response = give_password(client, ada, **({"remember": "true"} if remember else {}))

    done = submit(browser, response.headers["Location"], action=ASK, code=current_code(secret))

    (cookie,) = (line for line in done.headers.get_list("set-cookie") if line.startswith(f"{cookie_name(browser)}="))
    assert ("Max-Age" in cookie) == remember


def test_recovery_code_signs_in(client: TestClient, ada: User) -> None:
    """Behaviour 120."""
    _, _, codes = enable(client, ada)
    browser, response = give_password(client, ada)

    done = submit(browser, response.headers["Location"], action=ASK, code=codes[0].lower())

    assert done.status_code == 303
    assert "9 left" in read_page(browser.get(HOME)).text


def test_wrong_code_shows_an_error(client: TestClient, ada: User) -> None:
    _, secret, _ = enable(client, ada)
    browser, response = give_password(client, ada, next=HOME)

    rejected = submit(browser, response.headers["Location"], action=ASK, code=wrong_code(secret))
    empty = submit(browser, response.headers["Location"], action=ASK, code="")

    assert (rejected.status_code, empty.status_code) == (401, 422)
    assert "Incorrect code" in read_page(rejected).text
    assert read_page(rejected).forms[ASK]["next"] == HOME
    assert cookie_name(browser) not in browser.cookies


def test_too_many_wrong_codes_are_blocked(client: TestClient, ada: User) -> None:
    """Behaviour 115."""
    _, secret, _ = enable(client, ada)
    browser, response = give_password(client, ada)
    form = read_page(browser.get(response.headers["Location"])).forms[ASK]

    statuses = [browser.post(ASK, data={**form, "code": wrong_code(secret)}).status_code for _ in range(5)]
    invalid = browser.post(ASK, data={**form, "code": current_code(secret)})
    browser, _ = give_password(client, ada)
    locked = submit(browser, ASK, code=current_code(secret))

    assert statuses == [401] * 5
    assert (invalid.status_code, invalid.headers["Location"]) == (303, "/login")
    assert locked.status_code == 429
    assert "Retry-After" in locked.headers
    assert cookie_name(browser) not in browser.cookies


def test_expired_challenge_restarts_the_sign_in(client: TestClient, ada: User) -> None:
    _, secret, _ = enable(client, ada)
    browser, _ = give_password(client, ada)
    expired = utc_now() - timedelta(seconds=1)
    in_database(client, lambda session: session.execute(update(LoginChallenge).values(expires_at=expired)))

    response = submit(browser, ASK, code=current_code(secret))

    assert (response.status_code, response.headers["Location"]) == (303, "/login")
    assert "Sign in again." in read_page(browser.get("/login")).text


def test_next_does_not_redirect_to_other_sites(client: TestClient, ada: User) -> None:
    """Behaviour 33."""
    _, secret, _ = enable(client, ada)
    browser, _ = give_password(client, ada)

    done = submit(browser, ASK, code=current_code(secret), next="//evil.test")

    assert (done.status_code, done.headers["Location"]) == (303, app_of(client).state.home)


def test_challenge_page_requires_the_password_first(client: TestClient) -> None:
    browser = open_browser(client)
    token = read_page(browser.get("/login")).forms["/login"]["csrf_token"]

    assert browser.get(ASK).headers["Location"] == "/login"
    assert browser.post(ASK, data={"csrf_token": token, "code": "123456"}).headers["Location"] == "/login"
    assert browser.post(ASK, data={"code": "123456"}).status_code == 403


def test_new_recovery_codes_are_shown_once(client: TestClient, ada: User) -> None:
    """Behaviour 120."""
    browser, _, old = enable(client, ada)

    shown = submit(browser, f"{HOME}/recovery-codes")
    new = CODE.findall(read_page(shown).text)
    assert shown.headers["Cache-Control"] == "no-store"
    assert '<div class="keep" data-filename="recovery-codes.txt" hidden>' in shown.text  # shown by JavaScript
    assert [link for link in read_page(shown).links if CODE.search(link)] == []

    assert len(new) == 10
    assert not set(new) & set(old)
    assert not CODE.findall(read_page(browser.get(HOME)).text)


def test_turning_it_off_signs_out_other_devices(client: TestClient, ada: User) -> None:
    """Behaviour 122."""
    browser, _, _ = enable(client, ada)
    other = open_browser(client, ada)

    response = submit(browser, f"{HOME}/remove")

    assert (response.status_code, response.headers["Location"]) == (303, HOME)
    assert "Two-factor authentication is off." in read_page(browser.get(HOME)).text
    assert other.get(HOME).headers["Location"].startswith("/login")
    _, signed_in = give_password(client, ada)
    assert signed_in.headers["Location"] == app_of(client).state.home


@pytest.mark.parametrize("path", ["add", "confirm", "recovery-codes", "remove"])
def test_sensitive_pages_require_reauthentication(client: TestClient, ada: User, path: str) -> None:
    """Behaviours 122, 124."""
    browser = open_browser(client, ada)
    form = {"csrf_token": read_page(browser.get(f"{HOME}/add")).forms[f"{HOME}/add"]["csrf_token"], "code": "123456"}
    long_ago = utc_now() - timedelta(hours=1)
    in_database(client, lambda session: session.execute(update(AuthSession).values(authenticated_at=long_ago)))

    shown, sent = browser.get(f"{HOME}/{path}"), browser.post(f"{HOME}/{path}", data=form)

    assert (shown.status_code, sent.status_code) == (303, 303)
    assert shown.headers["Location"] == f"/reauth?next=%2Faccount%2Fsecond-factor%2F{path}"
    assert sent.headers["Location"].startswith("/reauth?next=")
    assert browser.get(HOME).status_code == 200


@pytest.mark.parametrize("path", ["add", "confirm", "recovery-codes", "remove"])
def test_form_without_a_csrf_token_is_rejected(client: TestClient, ada: User, path: str) -> None:
    """Behaviour 137."""
    assert open_browser(client, ada).post(f"{HOME}/{path}", data={"code": "123456"}).status_code == 403


def test_query_counts(client: TestClient, ada: User) -> None:
    browser, entering = open_browser(client, ada), open_browser(client)
    with capture_queries(browser, entering) as requests:
        submit(browser, f"{HOME}/add")
        found = re.search(r"secret=([A-Z2-7]+)", browser.get(f"{HOME}/confirm").text)
        assert found
        submit(browser, f"{HOME}/confirm", code=current_code(found[1]))
        browser.get(HOME)
        allow_code_reuse(client)
        submit(entering, "/login", email=ada.email, password=PASSWORD)
        assert submit(entering, ASK, code=current_code(found[1])).status_code == 303
        assert submit(entering, f"{HOME}/recovery-codes").status_code == 200
        assert submit(entering, f"{HOME}/remove").status_code == 303

    assert count_queries(requests) == {
        "GET /account/second-factor/add": 2,
        "POST /account/second-factor/add": 5,
        "GET /account/second-factor/confirm": 2,
        "POST /account/second-factor/confirm": 9,
        "GET /account/second-factor": 3,
        "GET /login": 0,
        "POST /login": 8,
        "GET /login/second-factor": 0,
        "POST /login/second-factor": 11,
        "GET /account/second-factor/recovery-codes": 1,
        "POST /account/second-factor/recovery-codes": 8,
        "GET /account/second-factor/remove": 1,
        "POST /account/second-factor/remove": 9,
    }
