"""Roles in the admin. Users can't grant, gain or change permissions beyond their own."""

import re

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from app.accounts.models import User
from app.accounts.permissions import Permission, all_permissions
from app.admin.views.roles import RoleView
from tests.admin.audit_log import recorded_events
from tests.admin.browser import csrf_token, listed_ids, page_text, run_action, run_row_action, save
from tests.admin.staff import MANAGER, add_role, add_staff, roles, roles_of
from tests.support import emails_to
from tests.web.browser import open_browser

NEW = {"email": "eve@example.com", "password": "a long enough password", "display_name": "", "is_active": "on"}


@pytest.fixture
def manager(client: TestClient) -> User:
    """Return a user who can only manage users."""
    return add_staff(client, "manager", *MANAGER)


@pytest.fixture
def managers(client: TestClient, manager: User) -> TestClient:
    """Return a client that is signed in as the manager; there is no admin yet."""
    return open_browser(client, manager)


def create_role(browser: TestClient, name: str, *permissions: str) -> Response:
    """Create a role with the form."""
    return save(browser, "/admin/role/create", name=name, permissions=permissions)


@pytest.mark.any_database
def test_role_is_created_changed_and_deleted(client: TestClient, browser: TestClient, admin: User) -> None:
    assert create_role(browser, " editor ", "admin:access", "users:impersonate").status_code == 303
    role = roles(client)["editor"]
    assert role.permissions == ["admin:access", "users:impersonate"]

    page = f"/admin/role/edit?pk={role.id}"
    assert save(browser, page, name="writer", permissions=["users:impersonate", "users:read"]).status_code == 303
    assert roles(client)["writer"].permissions == ["users:impersonate", "users:read"]
    assert save(browser, page, name="nothing").status_code == 303
    assert roles(client)["nothing"].permissions == []

    assert "Users with this role lose its permissions immediately." in browser.get("/admin/role/list").text
    assert run_row_action(browser, "role", "delete", role.id).status_code == 200
    created, changed, emptied, deleted = recorded_events(client)
    assert [event.data["name"] for event in (created, deleted)] == ["editor", "nothing"]
    assert changed.data["changes"] == {
        "name": {"old": "editor", "new": "writer"},
        "permissions": {"old": '["admin:access", "users:impersonate"]', "new": '["users:impersonate", "users:read"]'},
    }
    assert emptied.data["changes"]["permissions"]["new"] == "[]"
    assert {event.actor_id for event in (created, changed, emptied, deleted)} == {admin.id}


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("name", "permission", "message"),
    [
        pytest.param("", "users:impersonate", "This field is required.", id="no-name"),
        pytest.param("x" * 41, "users:impersonate", "Use at most 40 characters.", id="long-name"),
        pytest.param("taken", "users:impersonate", "This value is already in use.", id="taken"),
        pytest.param("admin", "users:impersonate", "This value is already in use.", id="admin"),
        pytest.param(" admin", "users:impersonate", "This value is already in use.", id="admin-with-a-space"),
        pytest.param("ADMIN", "users:impersonate", "This value is already in use.", id="admin-in-capitals"),
        pytest.param("\uff41dmin", "users:impersonate", "This value is already in use.", id="admin-in-wide-letters"),
        pytest.param("Taken", "users:impersonate", "This value is already in use.", id="taken-in-another-case"),
        pytest.param("ad\u200dmin", "users:impersonate", "Must be one line", id="invisible-character"),
        pytest.param("x", "everything", "Select one of the options.", id="unknown-permission"),
        pytest.param("x", "", "This field is required.", id="empty-permission"),
    ],
)
def test_invalid_role_is_rejected(
    client: TestClient, browser: TestClient, name: str, permission: str, message: str
) -> None:
    taken = add_role(client, "taken")
    other = add_role(client, "other")

    for page in ("create", f"edit?pk={other.id}"):
        response = save(browser, f"/admin/role/{page}", name=name, permissions=permission)
        assert response.status_code == 422
        assert message in page_text(response)
    assert {role.id for role in roles(client).values()} >= {taken.id, other.id}
    assert set(roles(client)) == {"admin", "taken", "other"}
    assert recorded_events(client) == []


@pytest.mark.any_database
def test_form_offers_all_permissions(browser: TestClient) -> None:
    (field,) = re.findall(r'<select id="permissions".*?</select>', browser.get("/admin/role/create").text, re.DOTALL)

    assert re.search(r"[\s\"]multiple\s", field)
    assert re.findall('<option value="([^"]+)"', field) == [*all_permissions()]


@pytest.mark.any_database
def test_permission_of_a_feature_can_be_granted(library: TestClient) -> None:
    form = library.get("/admin/role/create").text
    assert re.search(r'value="library:edit"\s*>Change the library \(library:edit\)', form)

    assert create_role(library, "librarian", "library:edit").status_code == 303

    assert roles(library)["librarian"].permissions == ["library:edit"]
    admin_role = roles(library)["admin"]
    assert ">Change the library (library:edit)</span>" in library.get(f"/admin/role/detail?pk={admin_role.id}").text
    assert ">Change the library</span>" in library.get("/admin/role/list").text


@pytest.mark.any_database
def test_deleting_a_role_shows_its_number_of_users(client: TestClient, browser: TestClient) -> None:
    editor = add_staff(client, "editor", Permission.USERS_IMPERSONATE)
    role = roles(client)["editor"]

    for page in ("list", f"detail?pk={role.id}"):
        assert "lose its permissions immediately. Users with this role: 1." in browser.get(f"/admin/role/{page}").text
    assert run_row_action(browser, "role", "delete", role.id).status_code == 200
    assert roles_of(client, editor) == set()


@pytest.mark.any_database
def test_admin_role_cannot_be_changed(client: TestClient, browser: TestClient) -> None:
    admin_role, other = roles(client)["admin"], add_role(client, "other")
    form = {"csrftoken": csrf_token(browser), "name": "x", "permissions": "users:impersonate"}

    page = browser.get(f"/admin/role/detail?pk={admin_role.id}").text
    assert ">Sign in as another user (users:impersonate)</span>" in page
    assert browser.get(f"/admin/role/edit?pk={admin_role.id}").status_code == 403
    assert browser.post(f"/admin/role/edit?pk={admin_role.id}", data=form).status_code == 403
    assert run_row_action(browser, "role", "delete", admin_role.id).status_code == 400
    assert run_action(browser, "role", "delete", other.id, admin_role.id).status_code == 400
    assert set(roles(client)) == {"admin", "other"}


@pytest.mark.any_database
def test_removed_permission_is_shown_and_can_be_cleared(client: TestClient, browser: TestClient) -> None:
    old = add_role(client, "old", "books:burn", "users:impersonate")

    for page in ("list", f"detail?pk={old.id}"):
        assert ">books:burn</span>" in browser.get(f"/admin/role/{page}").text
    assert "books:burn" not in browser.get(f"/admin/role/edit?pk={old.id}").text
    page = f"/admin/role/edit?pk={old.id}"
    assert save(browser, page, name="old", permissions="users:impersonate").status_code == 303
    assert roles(client)["old"].permissions == ["users:impersonate"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("filter=name__eq%3Dadmin", 200),
        ("filter=permissions__eq%3Dusers:impersonate", 400),
        ("filter=permissions__in%3Dusers:impersonate", 400),
        ("sort=permissions__asc", 200),
        ("sort=name__asc", 200),
        ("q=impersonate", 200),
    ],
)
def test_roles_are_searched_by_name_only(browser: TestClient, query: str, status: int) -> None:
    assert browser.get(f"/admin/role/list?{query}").status_code == status


@pytest.mark.any_database
@pytest.mark.usefixtures("admin")
def test_manager_can_create_and_grant_a_role_with_fewer_permissions(
    client: TestClient, managers: TestClient, ada: User
) -> None:
    assert create_role(managers, "reader", Permission.ADMIN_ACCESS, Permission.USERS_READ).status_code == 303
    reader = roles(client)["reader"]

    response = save(managers, f"/admin/user/edit?pk={ada.id}", display_name="", is_active="on", roles=str(reader.id))

    assert response.status_code == 303, page_text(response)
    assert roles_of(client, ada) == {"reader"}
    assert "users:impersonate" not in managers.get("/admin/role/create").text


@pytest.mark.any_database
def test_manager_cannot_grant_permissions_that_they_lack(client: TestClient, managers: TestClient) -> None:
    small, big = add_role(client, "small", "users:read"), add_role(client, "big", "users:read", "users:impersonate")
    own = roles(client)["manager"]

    for page in ("create", f"edit?pk={small.id}", f"edit?pk={own.id}"):
        response = save(managers, f"/admin/role/{page}", name="x", permissions=["users:read", "users:impersonate"])
        assert response.status_code == 422
        assert "You don't have these permissions yourself: users:impersonate." in page_text(response)
    form = {"csrftoken": csrf_token(managers), "name": "big", "permissions": "users:read"}
    assert managers.get(f"/admin/role/edit?pk={big.id}").status_code == 403
    assert managers.post(f"/admin/role/edit?pk={big.id}", data=form).status_code == 403
    assert run_action(managers, "role", "delete", small.id, big.id).status_code == 400
    assert set(roles(client)) == {"manager", "small", "big"}


@pytest.mark.any_database
def test_admin_role_cannot_be_created(client: TestClient, managers: TestClient) -> None:
    """A user who could create it would be an admin."""
    own = roles(client)["manager"]

    for page in ("create", f"edit?pk={own.id}"):
        assert save(managers, f"/admin/role/{page}", name="admin", permissions="users:read").status_code == 422
    assert set(roles(client)) == {"manager"}


@pytest.mark.any_database
@pytest.mark.parametrize("name", ["admin", "editor"])
def test_role_with_more_permissions_cannot_be_granted(
    client: TestClient, admin: User, managers: TestClient, manager: User, name: str
) -> None:
    add_role(client, "editor", Permission.USERS_IMPERSONATE)
    own, beyond = (str(roles(client)[role].id) for role in ("manager", name))

    responses = [
        save(managers, "/admin/user/create", **NEW, roles=beyond),
        save(managers, f"/admin/user/edit?pk={manager.id}", display_name="", is_active="on", roles=[own, beyond]),
    ]

    for response in responses:
        assert response.status_code == 422
        assert f"These roles have more permissions than you: {name}." in page_text(response)
    assert roles_of(client, manager) == {"manager"}
    assert sorted(listed_ids(managers, "user")) == sorted([str(admin.id), str(manager.id)])


@pytest.mark.any_database
@pytest.mark.parametrize("above", ["admin", "editor"])
def test_user_with_more_permissions_cannot_be_changed(
    client: TestClient, admin: User, managers: TestClient, above: str
) -> None:
    editor = add_staff(client, "editor", Permission.USERS_IMPERSONATE)
    user, less = (admin if above == "admin" else editor), add_staff(client, "less", Permission.USERS_READ)
    form = {"csrftoken": csrf_token(managers), "display_name": "x"}

    assert managers.get(f"/admin/user/detail?pk={user.id}").status_code == 200
    assert managers.get(f"/admin/user/edit?pk={user.id}").status_code == 403
    assert managers.post(f"/admin/user/edit?pk={user.id}", data=form).status_code == 403
    for name in ("delete", "reset"):
        assert run_row_action(managers, "user", name, user.id).json() == {"msg": "Forbidden"}
        assert run_action(managers, "user", name, less.id, user.id).json() == {"msg": "Forbidden"}
    everyone = managers.post("/admin/_api/user/action?name=delete&all=1", headers={"X-CSRFToken": form["csrftoken"]})

    assert everyone.json() == {"msg": "Forbidden"}
    assert len(listed_ids(managers, "user")) == 4
    assert emails_to(client, user.email) == []
    assert roles_of(client, user) == {above}


@pytest.mark.any_database
def test_sessions_of_users_with_more_permissions_cannot_be_ended(
    client: TestClient, admin: User, managers: TestClient, ada: User
) -> None:
    for user in (admin, ada):
        open_browser(client, user)
    admins, adas = (listed_ids(managers, "session", q=user.email)[0] for user in (admin, ada))

    assert managers.get(f"/admin/session/detail?pk={admins}").status_code == 200
    assert run_row_action(managers, "session", "end", admins).json() == {"msg": "Forbidden"}
    assert run_action(managers, "session", "end", adas, admins).json() == {"msg": "Forbidden"}
    assert [event.user_id for event in recorded_events(client, "session_ended")] == []
    assert run_row_action(managers, "session", "end", adas).status_code == 200
    assert [event.user_id for event in recorded_events(client, "session_ended")] == [ada.id]


@pytest.mark.any_database
@pytest.mark.usefixtures("admin")
def test_user_with_the_same_permissions_can_be_changed(client: TestClient, managers: TestClient) -> None:
    peer = add_staff(client, "peer", *MANAGER)

    assert run_row_action(managers, "user", "reset", peer.id).status_code == 200
    assert len(emails_to(client, peer.email)) == 1
    assert save(managers, f"/admin/user/edit?pk={peer.id}", display_name="").status_code == 303
    assert roles_of(client, peer) == set()


@pytest.mark.any_database
def test_user_with_more_permissions_is_protected_without_access_to_roles(
    client: TestClient, admin: User, managers: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RoleView, "view_permission", Permission.USERS_IMPERSONATE)

    assert len(listed_ids(managers, "user")) == 3
    assert managers.get(f"/admin/user/edit?pk={admin.id}").status_code == 403
    response = save(managers, f"/admin/user/edit?pk={ada.id}", display_name="Ada", is_active="on", roles="x")
    assert response.status_code == 303, page_text(response)
    assert save(managers, "/admin/user/create", **NEW, roles=str(roles(client)["admin"].id)).status_code == 303
    assert roles_of(client, admin) == {"admin"}
    assert len(listed_ids(managers, "user")) == 4


@pytest.mark.any_database
def test_admin_can_grant_every_role(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    every = [str(role.id) for role in (add_role(client, "editor", "users:impersonate"), roles(client)["admin"])]

    response = save(browser, f"/admin/user/edit?pk={ada.id}", display_name="", is_active="on", roles=every)

    assert response.status_code == 303
    assert roles_of(client, ada) == {"editor", "admin"}
    assert run_action(browser, "user", "delete", admin.id).status_code == 200
