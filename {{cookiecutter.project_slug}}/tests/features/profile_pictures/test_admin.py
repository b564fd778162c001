"""Profile pictures in the admin: shown and deleted."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import listed_ids, run_row_action
from tests.admin.staff import add_staff
from tests.features.profile_pictures.helpers import MINE, count_rows, upload
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database


def test_pictures_are_shown(client: TestClient, as_ada: TestClient, admin: User, ada: User, bob: User) -> None:
    upload(as_ada)
    browser = open_browser(client, admin)

    (row,) = listed_ids(browser, "profile-picture")

    for page in ("list", f"detail?pk={row}"):
        assert f"/users/{ada.id}/picture" in browser.get(f"/admin/profile-picture/{page}").text
    for user in (ada, bob):
        assert f'src="/users/{user.id}/picture"' in browser.get(f"/admin/user/detail?pk={user.id}").text


def test_picture_is_deleted(client: TestClient, as_ada: TestClient, admin: User) -> None:
    upload(as_ada)
    browser = open_browser(client, admin)
    (row,) = listed_ids(browser, "profile-picture")

    assert run_row_action(browser, "profile-picture", "delete", row).status_code == 200

    assert as_ada.get(MINE).status_code == 404
    assert count_rows(client) == (0, 0)


def test_permissions_are_those_for_users(client: TestClient, as_ada: TestClient, as_admin: TestClient) -> None:
    upload(as_ada)
    upload(as_admin)
    editor = open_browser(client, add_staff(client, "editor", "admin:access"))
    support = open_browser(client, add_staff(client, "support", "admin:access", "users:read"))
    manager = open_browser(client, add_staff(client, "manager", "admin:access", "users:read", "users:manage"))

    assert editor.get("/admin/profile-picture/list").status_code == 403
    admins, adas = listed_ids(support, "profile-picture")
    assert run_row_action(support, "profile-picture", "delete", adas).json() == {"msg": "Forbidden"}
    assert run_row_action(manager, "profile-picture", "delete", admins).json() == {"msg": "Forbidden"}
    assert run_row_action(manager, "profile-picture", "delete", adas).status_code == 200
    assert count_rows(client) == (1, 1)
    assert manager.get("/admin/profile-picture/create").status_code == 403
