"""Account pages for API keys."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from app.database.base import utc_now
from tests.accounts.email_links import NEW
from tests.features.api_keys.helpers import api_key_client, create_key, keys_in_database, update_keys
from tests.query_counts import capture_queries, count_queries
from tests.support import PASSWORD, in_database, latest_link, with_token
from tests.web.browser import open_browser, read_page, submit

pytestmark = pytest.mark.any_database  # the API tests cover their services on both databases

PAGE = "/account/api-keys"
SCRIPT = '"><script>alert(1)</script>'


def test_created_key_is_shown_once_and_works(client: TestClient, ada: User) -> None:
    """Behaviour 126."""
    browser = open_browser(client, ada)

    shown = submit(browser, f"{PAGE}/new", name="Backup", read="true", expires_in_days="7")

    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    found = re.search(r"app_\w{8}_\w{43}_\w{6}", read_page(shown).text)
    assert found
    assert with_token(client, found[0]).get("/api/v1/users/me").status_code == 200
    listed = browser.get(PAGE)
    assert found[0] not in listed.text
    page = read_page(listed)
    (key,) = keys_in_database(client)
    for words in ("Backup", f"app_{key.prefix}_…", "Permissions: read", "Expires", "Last used", "testclient"):
        assert words in page.text
    assert {"/account", PAGE} < set(page.links)  # the account navigation


def test_invalid_form_shows_errors_and_keeps_the_input(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    rejected = submit(browser, f"{PAGE}/new", name="  ", expires_in_days="1000", read=[])

    page = read_page(rejected)
    assert rejected.status_code == 422
    assert "This field is required." in page.text
    assert "Select at least one permission." in page.text
    assert page.forms[f"{PAGE}/new"]["expires_in_days"] == "1000"
    assert "checked" not in page.fields["read"]
    assert keys_in_database(client) == []


def test_keys_do_not_authenticate_pages(client: TestClient, as_ada: TestClient) -> None:
    created = create_key(as_ada)

    response = with_token(client, created["key"]).get("/account", headers={"Accept": "text/html"})

    assert response.status_code == 303


def test_form_offers_only_the_users_permissions(client: TestClient, ada: User, admin: User) -> None:
    """Behaviour 136."""
    adas, admins = open_browser(client, ada), open_browser(client, admin)

    submit(adas, f"{PAGE}/new", name="Hers", read="true", **{"admin:access": "true"})
    submit(admins, f"{PAGE}/new", name="Theirs", read=[], **{"admin:access": "true"})

    assert "admin:access" not in read_page(adas.get(f"{PAGE}/new")).fields
    assert "admin:access" in read_page(admins.get(f"{PAGE}/new")).fields
    assert [key.scopes for key in keys_in_database(client)] == [["read"], ["admin:access"]]
    assert "Permissions: Open the admin" in read_page(admins.get(PAGE)).text


def test_too_many_keys_show_an_error(client: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.features.api_keys.service.MAX_KEYS", 0)

    rejected = submit(open_browser(client, ada), f"{PAGE}/new", name="Backup", read="true")

    assert rejected.status_code == 409
    assert "Too many API keys" in read_page(rejected).text


def test_key_is_revoked(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    submit(browser, f"{PAGE}/new", name="Backup", read="true")
    (link,) = (link for link in read_page(browser.get(PAGE)).links if link.endswith("/revoke"))

    response = submit(browser, link)

    assert (response.status_code, response.headers["Location"]) == (303, PAGE)
    page = read_page(browser.get(PAGE))
    assert "Revoked API key “Backup”." in page.text
    assert "You have no API keys." in page.text
    assert keys_in_database(client)[0].revoked_at is not None
    assert browser.get(link).status_code == 404


def test_expired_key_is_marked_as_expired(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    submit(browser, f"{PAGE}/new", name="Backup", read="true")
    assert "Expired" not in browser.get(PAGE).text

    update_keys(client, expires_at=utc_now() - timedelta(seconds=1))

    assert "Expired" in read_page(browser.get(PAGE)).text


def test_key_of_another_user_is_not_found(client: TestClient, ada: User, bob: User) -> None:
    """Behaviour 130."""
    adas, bobs = open_browser(client, ada), open_browser(client, bob)
    submit(adas, f"{PAGE}/new", name="Backup", read="true")
    path = f"{PAGE}/{keys_in_database(client)[0].id}/revoke"
    token = read_page(bobs.get(f"{PAGE}/new")).forms[f"{PAGE}/new"]["csrf_token"]

    assert bobs.get(path).status_code == 404
    assert bobs.post(path, data={"csrf_token": token}).status_code == 404
    assert keys_in_database(client)[0].revoked_at is None
    assert "Backup" not in bobs.get(PAGE).text


def test_sensitive_pages_require_reauthentication(client: TestClient, ada: User) -> None:
    """Behaviour 124."""
    browser = open_browser(client, ada)
    submit(browser, f"{PAGE}/new", name="Backup", read="true")
    path = f"{PAGE}/{keys_in_database(client)[0].id}/revoke"
    form = read_page(browser.get(path)).forms[path]
    long_ago = utc_now() - timedelta(hours=1)
    in_database(client, lambda session: session.execute(update(AuthSession).values(authenticated_at=long_ago)))

    responses = [browser.get(f"{PAGE}/new"), browser.get(path), browser.post(path, data=form)]

    assert [response.status_code for response in responses] == [303] * 3
    for response, page in zip(responses, (f"{PAGE}/new", path, ""), strict=True):
        assert response.headers["Location"].startswith(f"/reauth?next={quote(page, safe='')}")
    assert browser.get(PAGE).status_code == 200
    assert keys_in_database(client)[0].revoked_at is None


def test_names_are_escaped(client: TestClient, ada: User) -> None:
    """Behaviour 140."""
    browser = open_browser(client, ada)
    created = submit(browser, f"{PAGE}/new", name=SCRIPT, read="true")
    path = f"{PAGE}/{keys_in_database(client)[0].id}/revoke"

    for response in (created, browser.get(PAGE), browser.get(path)):
        read_page(response)
        assert "<script>" not in response.text
        assert "&lt;script&gt;" in response.text


def test_form_without_a_csrf_token_is_rejected(client: TestClient, ada: User) -> None:
    """Behaviour 137."""
    browser = open_browser(client, ada)

    assert browser.post(f"{PAGE}/new", data={"name": "Backup", "read": "true"}).status_code == 403
    assert keys_in_database(client) == []


def test_query_counts(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    with capture_queries(browser) as requests:
        for number in range(3):
            submit(browser, f"{PAGE}/new", name=f"Key {number}", read="true")
            browser.get(PAGE)
        address = f"{PAGE}/{keys_in_database(client)[0].id}/revoke"
        assert submit(browser, address).status_code == 303

    assert count_queries(requests) == {
        "GET /account/api-keys/new": 1,
        "POST /account/api-keys/new": 7,
        "GET /account/api-keys": 2,
        "GET /account/api-keys/{key_id}/revoke": 2,
        "POST /account/api-keys/{key_id}/revoke": 4,
    }


def test_signing_out_everywhere_revokes_keys(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 154."""
    browser, created = open_browser(client, ada), create_key(as_ada)
    assert "Signing out everywhere also revokes your API keys." in browser.get("/account/sessions").text

    assert submit(browser, "/account/sessions", action="/account/sessions/end-all").status_code == 303

    assert api_key_client(client, created).get("/api/v1/users/me").status_code == 401


@pytest.mark.parametrize(("kept", "status"), [({}, 401), ({"keep_api_keys": "true"}, 200)])
def test_password_change_revokes_keys_unless_kept(
    client: TestClient, as_ada: TestClient, ada: User, kept: dict[str, str], status: int
) -> None:
    """Behaviour 155."""
    browser, created = open_browser(client, ada), create_key(as_ada)

    response = submit(browser, "/account/password", kept, current_password=PASSWORD, new_password=NEW)

    assert response.status_code == 303
    assert api_key_client(client, created).get("/api/v1/users/me").status_code == status


def test_reset_page_warns_that_keys_are_revoked(client: TestClient, ada: User) -> None:
    """Behaviour 154."""
    browser = open_browser(client)
    submit(browser, "/password/forgot", email=ada.email)

    assert "revokes your API keys" in read_page(browser.get(latest_link(client, ada.email))).text
