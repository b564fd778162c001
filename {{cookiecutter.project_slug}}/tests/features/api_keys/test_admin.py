"""Admin view for API keys."""

from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import listed_ids, page_text, run_action, run_row_action
from tests.admin.staff import add_staff
from tests.features.api_keys.helpers import api_key_client, create_key, key_events, keys_in_database
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database


@pytest.fixture
def browser(client: TestClient, admin: User) -> TestClient:
    """Return a browser with the admin signed in."""
    return open_browser(client, admin)


def test_key_is_shown_by_its_prefix(
    client: TestClient, browser: TestClient, as_ada: TestClient, as_bob: TestClient
) -> None:
    """Behaviour 135."""
    adas, bobs = create_key(as_ada, name="Ada's"), create_key(as_bob, name="Bob's")

    shown = [browser.get("/admin/api-key/list"), browser.get(f"/admin/api-key/detail?pk={adas['id']}")]

    for page in shown:
        assert page.status_code == 200
        assert adas["prefix"] in page_text(page)
        assert adas["key"] not in page.text
        assert "key_hash" not in page.text
        assert keys_in_database(client)[0].key_hash.hex() not in page.text
    assert listed_ids(browser, "api-key", q="bob@") == [bobs["id"]]
    assert listed_ids(browser, "api-key", q=adas["prefix"]) == [adas["id"]]


@pytest.mark.parametrize("end", [run_row_action, run_action])
def test_key_is_revoked(client: TestClient, browser: TestClient, as_ada: TestClient, admin: User, end: Any) -> None:
    """Behaviour 150."""
    created = create_key(as_ada)

    assert end(browser, "api-key", "revoke", created["id"]).status_code == 200

    assert api_key_client(client, created).get("/api/v1/users/me").status_code == 401
    (event,) = key_events(client, "authn_key_revoked")
    assert event.user_id == keys_in_database(client)[0].owner_id
    assert (event.actor_id, event.data) == (admin.id, {"prefix": created["prefix"]})
    assert run_row_action(browser, "api-key", "revoke", created["id"]).status_code == 400


def test_keys_cannot_be_created_or_edited(browser: TestClient, as_ada: TestClient) -> None:
    created = create_key(as_ada)

    for path in ("create", f"edit?pk={created['id']}"):
        assert browser.get(f"/admin/api-key/{path}").status_code == 403
    assert run_row_action(browser, "api-key", "delete", created["id"]).status_code >= 400


def test_page_of_a_user_links_to_their_keys(
    browser: TestClient, as_ada: TestClient, as_bob: TestClient, ada: User
) -> None:
    adas, _ = create_key(as_ada), create_key(as_bob)

    page = browser.get(f"/admin/user/detail?pk={ada.id}")

    link = unescape(page.text.partition("Related records:")[2]).partition("/admin/api-key/list?q=")[2].partition('"')[0]
    assert listed_ids(browser, "api-key", q=unquote(link)) == [adas["id"]]


def test_viewing_and_revoking_keys_require_user_permissions(client: TestClient, as_ada: TestClient) -> None:
    key = create_key(as_ada)
    editors = open_browser(client, add_staff(client, "editor", "admin:access"))
    supports = open_browser(client, add_staff(client, "support", "admin:access", "users:read"))

    assert editors.get("/admin/api-key/list").status_code == 403
    assert listed_ids(supports, "api-key") == [key["id"]]
    for browser in (editors, supports):
        for end in (run_action, run_row_action):
            assert end(browser, "api-key", "revoke", key["id"]).json() == {"msg": "Forbidden"}
    assert keys_in_database(client)[0].revoked_at is None


def test_keys_of_users_with_more_permissions_cannot_be_revoked(
    client: TestClient, as_admin: TestClient, as_ada: TestClient
) -> None:
    admins, adas = create_key(as_admin), create_key(as_ada)
    managers = open_browser(client, add_staff(client, "manager", "admin:access", "users:read", "users:manage"))

    assert run_row_action(managers, "api-key", "revoke", admins["id"]).json() == {"msg": "Forbidden"}
    assert run_action(managers, "api-key", "revoke", adas["id"], admins["id"]).json() == {"msg": "Forbidden"}
    assert run_row_action(managers, "api-key", "revoke", adas["id"]).status_code == 200

    assert api_key_client(client, admins).get("/api/v1/users/me").status_code == 200


@pytest.mark.parametrize("action", ["end-sessions", "disable"])
def test_ending_a_users_sessions_revokes_their_keys(
    client: TestClient, browser: TestClient, as_ada: TestClient, ada: User, action: str
) -> None:
    """Behaviour 154."""
    created = create_key(as_ada)

    assert run_row_action(browser, "user", action, ada.id).status_code == 200

    if action == "disable":
        assert run_row_action(browser, "user", "enable", ada.id).status_code == 200
    assert api_key_client(client, created).get("/api/v1/users/me").status_code == 401
    (event,) = key_events(client, "authn_key_revoked")
    assert (event.user_id, event.actor_id not in {None, ada.id}) == (ada.id, True)
