"""Users and sessions in the admin."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload
from starlette.testclient import TestClient

from app.accounts import users
from app.accounts.email_addresses import normalize_email
from app.accounts.models import AuthSession, User, UserRole
from tests.admin.audit_log import recorded_events
from tests.admin.browser import listed_ids, page_text, run_action, run_row_action, save
from tests.support import add_user, emails_to, in_database, link_in, log_in
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database

NEW = {"email": "Eve@Example.com", "password": "a long enough password", "display_name": " Eve ", "is_active": "on"}


def get_user(client: TestClient, email: str) -> User:
    """Return a user with their roles."""

    async def read(session: AsyncSession) -> User:
        query = select(User).where(User.email_key == normalize_email(email)).options(joinedload(User.roles))
        return (await session.scalars(query)).unique().one()

    return in_database(client, read)


def admin_role(client: TestClient) -> str:
    """Return the ID of the role `admin`."""
    return str(get_user(client, "admin@example.com").roles[0].id)


def test_created_user_can_sign_in(client: TestClient, browser: TestClient) -> None:
    response = save(browser, "/admin/user/create", **NEW, roles=admin_role(client))

    assert response.status_code == 303, page_text(response)
    created_user = get_user(client, "eve@example.com")
    assert (created_user.display_name, created_user.is_active, [role.name for role in created_user.roles]) == (
        "Eve",
        True,
        ["admin"],
    )
    assert created_user.password_hash is not None
    assert created_user.password_hash.startswith("$argon2id$")
    log_in(client, "eve@example.com", NEW["password"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"email": "nonsense"}, "email", id="no-address"),
        pytest.param({"email": "ADMIN@example.com"}, users.EmailTaken.title, id="taken"),
        pytest.param({"email": "x" * 320 + "@example.com"}, "Use at most 320 characters.", id="long-address"),
        pytest.param({"password": "short"}, "Use at least", id="short-password"),
        pytest.param({"password": ""}, "This field is required.", id="no-password"),
        pytest.param({"display_name": "a\u202eb"}, "Must be one line", id="reversed-name"),
        pytest.param({"display_name": "x" * 121}, "Use at most 120 characters.", id="long-name"),
    ],
)
def test_invalid_user_is_rejected(browser: TestClient, change: dict[str, str], message: str) -> None:
    response = save(browser, "/admin/user/create", **{**NEW, **change})

    assert response.status_code == 422
    assert message in page_text(response)
    assert 'aria-invalid="true"' in response.text
    assert {**NEW, **change}["password"] not in response.text or not change.get("password", "x")
    assert len(listed_ids(browser, "user")) == 1


def test_user_is_changed(client: TestClient, browser: TestClient, ada: User) -> None:
    """Behaviour 135."""
    data = {"display_name": "Countess", "is_active": "on", "roles": admin_role(client), "email": "new@example.com"}

    response = save(browser, f"/admin/user/edit?pk={ada.id}", **data, password="another password")

    changed = get_user(client, ada.email)
    assert response.status_code == 303
    assert (changed.display_name, [role.name for role in changed.roles]) == ("Countess", ["admin"])
    assert changed.password_hash == ada.password_hash
    log_in(client, ada.email)


def test_language_that_is_no_longer_on_offer_is_shown_and_kept(
    client: TestClient, browser: TestClient, ada: User
) -> None:
    in_database(client, lambda session: session.execute(update(User).where(User.id == ada.id).values(locale="xx")))

    detail = browser.get(f"/admin/user/detail?pk={ada.id}")
    saved = save(browser, f"/admin/user/edit?pk={ada.id}", display_name="Countess")

    assert (detail.status_code, saved.status_code) == (200, 303)
    assert " xx " in page_text(detail).replace("\n", " ")
    assert get_user(client, ada.email).locale == "xx"


def test_changing_only_roles_increments_the_version(client: TestClient, browser: TestClient, ada: User) -> None:
    page = f"/admin/user/edit?pk={ada.id}"

    first = save(browser, page, display_name="", is_active="on", roles=admin_role(client))
    stale = save(browser, page, display_name="", is_active="on", _version=str(ada.version))

    assert (first.status_code, stale.status_code) == (303, 422)
    assert get_user(client, ada.email).roles


def test_disabled_user_is_signed_out_immediately(client: TestClient, browser: TestClient, ada: User) -> None:
    adas = open_browser(client, ada)
    token = log_in(client, ada.email)["access_token"]

    save(browser, f"/admin/user/edit?pk={ada.id}", display_name="")

    assert adas.get("/account").status_code == 303
    assert client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"is_active": "", "roles": "admin"}, id="disabled"),
        pytest.param({"is_active": "on", "roles": ""}, id="demoted"),
    ],
)
def test_form_cannot_remove_the_last_admin(
    client: TestClient, browser: TestClient, admin: User, change: dict[str, str]
) -> None:
    """Behaviour 134."""
    roles = {"roles": admin_role(client)} if change["roles"] else {}

    response = save(
        browser, f"/admin/user/edit?pk={admin.id}", display_name="Me", is_active=change["is_active"], **roles
    )

    assert response.status_code == 422
    assert users.LastAdmin.title in page_text(response)
    unchanged = get_user(client, admin.email)
    assert (unchanged.is_active, unchanged.display_name, len(unchanged.roles)) == (True, "", 1)


def test_action_cannot_delete_the_last_admin(browser: TestClient, admin: User, ada: User) -> None:
    """Behaviour 134."""
    alone = run_row_action(browser, "user", "delete", admin.id)
    among_others = run_action(browser, "user", "delete", ada.id, admin.id)

    assert (alone.status_code, among_others.status_code) == (400, 400)
    assert alone.json() == among_others.json() == {"msg": users.LastAdmin.title}
    assert sorted(listed_ids(browser, "user")) == sorted([str(ada.id), str(admin.id)])


def test_disabled_admin_is_not_an_active_admin(client: TestClient, browser: TestClient, admin: User) -> None:
    """Behaviour 134."""
    second = add_user(client, "second@example.com", admin=True)

    async def disable(session: AsyncSession) -> None:
        await session.execute(update(User).where(User.id == second.id).values(is_active=False))

    in_database(client, disable)

    assert run_action(browser, "user", "delete", admin.id).status_code == 400


@pytest.mark.database("postgresql")  # SQLite has one writer at a time anyway
def test_concurrent_demotions_keep_one_admin(client: TestClient, admin: User) -> None:
    """Behaviour 134."""
    second = add_user(client, "second@example.com", admin=True)
    both_demoted = asyncio.Barrier(2)

    async def demote(user: User) -> None:
        async with client.app_state["database"].sessions.begin() as session:
            await session.execute(delete(UserRole).where(UserRole.user_id == user.id))
            await both_demoted.wait()
            await users.require_active_admin(session)

    async def demote_both() -> Sequence[BaseException | None]:
        return await asyncio.gather(demote(admin), demote(second), return_exceptions=True)

    assert client.portal is not None
    errors = [error for error in client.portal.call(demote_both) if error]

    assert [type(error) for error in errors] == [users.LastAdmin]


def test_admin_can_delete_themselves_if_another_admin_remains(
    client: TestClient, browser: TestClient, admin: User
) -> None:
    add_user(client, "second@example.com", admin=True)

    assert run_action(browser, "user", "delete", admin.id).status_code == 200
    assert browser.get("/admin/").status_code == 303


def test_deleting_a_user_deletes_their_data(browser: TestClient, ada: User) -> None:
    save(browser, "/admin/sample-note/create", title="Milk", body="", owner=str(ada.id))

    assert "deletes the user and all their data" in browser.get("/admin/user/list").text
    assert run_action(browser, "user", "delete", ada.id).status_code == 200

    assert listed_ids(browser, "sample-note") == []


@pytest.mark.parametrize("end", [run_action, run_row_action])
def test_ended_session_is_invalid(client: TestClient, browser: TestClient, ada: User, end: Any) -> None:
    """Behaviour 135."""
    adas = open_browser(client, ada)
    newest = listed_ids(browser, "session")[0]

    assert end(browser, "session", "end", newest).status_code == 200

    async def read(session: AsyncSession) -> str | None:
        return await session.scalar(select(AuthSession.revoked_reason).where(AuthSession.user_id == ada.id))

    assert adas.get("/account").status_code == 303
    assert browser.get("/admin/").status_code == 200
    assert in_database(client, read) == "admin"
    assert run_row_action(browser, "session", "end", newest).status_code == 400


def test_sessions_cannot_be_created_edited_or_deleted(browser: TestClient) -> None:
    row = listed_ids(browser, "session")[0]

    assert browser.get("/admin/session/create").status_code == 403
    assert browser.get(f"/admin/session/edit?pk={row}").status_code == 403
    for action in (run_action, run_row_action):
        assert action(browser, "session", "delete", row).json() == {"msg": "Forbidden"}
    assert listed_ids(browser, "session") == [row]


@pytest.mark.parametrize("send", [run_action, run_row_action])
def test_password_reset_link_is_emailed(client: TestClient, browser: TestClient, ada: User, send: Any) -> None:
    """Behaviours 135, 150."""
    assert send(browser, "user", "reset", ada.id).status_code == 200

    (mail,) = emails_to(client, ada.email)
    assert "/password/reset/" in link_in(mail)
    (event,) = recorded_events(client, "authn_password_reset_requested")
    assert (event.user_id, event.ip) == (ada.id, "testclient")
    assert event.actor_id == get_user(client, "admin@example.com").id
    log_in(client, ada.email)


def test_disabled_user_gets_no_reset_link(client: TestClient, browser: TestClient, ada: User) -> None:
    save(browser, f"/admin/user/edit?pk={ada.id}", display_name="")

    assert run_row_action(browser, "user", "reset", ada.id).status_code == 400
    run_action(browser, "user", "reset", ada.id)

    assert emails_to(client, ada.email) == []
    assert recorded_events(client, "authn_password_reset_requested") == []


def test_admin_actions_are_recorded(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    """Behaviour 150."""
    page = f"/admin/user/edit?pk={ada.id}"
    save(browser, "/admin/user/create", **NEW)
    save(browser, page, display_name="", is_active="on", roles=admin_role(client))
    save(browser, page, display_name="Ada", is_active="on", roles=admin_role(client))
    save(browser, page, display_name="Ada", is_active="on")
    open_browser(client, ada)
    run_action(browser, "session", "end", listed_ids(browser, "session")[0])

    created, (given, taken), ended = (
        recorded_events(client, name) for name in ("user_created", "privilege_permissions_changed", "session_ended")
    )
    assert [event.user_id for event in created] == [get_user(client, "eve@example.com").id]
    assert (given.data, taken.data) == ({"added": ["admin"], "removed": []}, {"added": [], "removed": ["admin"]})
    assert {event.user_id for event in (given, taken, *ended)} == {ada.id}
    assert {event.actor_id for event in (*created, given, taken, *ended)} == {admin.id}


def test_events_of_a_deleted_user_are_anonymized(
    client: TestClient, browser: TestClient, admin: User, ada: User
) -> None:
    log_in(client, ada.email)

    run_action(browser, "user", "delete", ada.id)

    (login,), (deleted,) = recorded_events(client, "authn_login_success"), recorded_events(client, "user_deleted")
    assert (login.user_id, login.ip, login.user_agent) == (None, "", "")
    assert (deleted.user_id, deleted.actor_id) == (None, admin.id)


def test_admin_who_deletes_themselves_leaves_an_event(client: TestClient, browser: TestClient, admin: User) -> None:
    add_user(client, "second@example.com", admin=True)

    assert run_action(browser, "user", "delete", admin.id).status_code == 200

    (deleted,) = recorded_events(client, "user_deleted")
    assert (deleted.user_id, deleted.actor_id) == (None, None)
