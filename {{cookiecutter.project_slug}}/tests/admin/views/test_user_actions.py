"""Actions on users: end sessions, disable and enable. They are recorded, and an admin remains."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts import users
from app.accounts.models import AuthSession, User
from tests.admin.audit_log import recorded_events
from tests.admin.browser import listed_ids, page_text, run_action, run_row_action, save
from tests.admin.impersonation import is_signed_in
from tests.support import PASSWORD, add_user, in_database, log_in, with_token
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database


def is_active(client: TestClient, user: User) -> bool:
    """Return whether the account is active."""
    query = select(User.is_active).where(User.id == user.id)
    return bool(in_database(client, lambda session: session.scalar(query)))


@pytest.mark.parametrize("end", [run_action, run_row_action])
def test_all_sessions_of_a_user_are_ended(
    client: TestClient, browser: TestClient, ada: User, bob: User, end: Any
) -> None:
    adas, bobs = open_browser(client, ada), open_browser(client, bob)
    token = log_in(client, ada.email)["access_token"]

    assert end(browser, "user", "end-sessions", ada.id).status_code == 200

    assert [is_signed_in(adas), is_signed_in(bobs), is_signed_in(browser)] == [False, True, True]
    assert with_token(client, token).get("/api/v1/users/me").status_code == 401
    (event,) = recorded_events(client, "session_ended")
    assert (event.user_id, event.data) == (ada.id, {"sessions": 2})
    assert event.actor_id not in {None, ada.id}
    log_in(client, ada.email)


def test_admin_who_ends_own_sessions_is_signed_out(browser: TestClient, admin: User) -> None:
    assert run_row_action(browser, "user", "end-sessions", admin.id).status_code == 200

    response = browser.get("/admin/")
    assert (response.status_code, response.headers["Location"]) == (303, "/login?next=%2Fadmin%2F")


@pytest.mark.parametrize("run", [run_action, run_row_action])
def test_user_is_disabled_and_enabled(
    client: TestClient, browser: TestClient, admin: User, ada: User, run: Any
) -> None:
    adas = open_browser(client, ada)

    assert run(browser, "user", "disable", ada.id).status_code == 200

    assert not is_signed_in(adas)
    login = {"email": ada.email, "password": PASSWORD}
    assert client.post("/api/v1/auth/login", json=login).status_code == 401
    assert run(browser, "user", "enable", ada.id).status_code == 200
    assert not is_signed_in(adas)
    log_in(client, ada.email)
    events = recorded_events(client, "user_disabled") + recorded_events(client, "user_enabled")
    assert [(event.user_id, event.actor_id) for event in events] == [(ada.id, admin.id)] * 2


def test_form_disables_like_the_action(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    adas, page = open_browser(client, ada), f"/admin/user/edit?pk={ada.id}"

    save(browser, page, display_name="")
    save(browser, page, display_name="", is_active="on")
    save(browser, page, display_name="Ada", is_active="on")

    assert not is_signed_in(adas)
    events = recorded_events(client, "user_disabled") + recorded_events(client, "user_enabled")
    assert [(event.user_id, event.actor_id) for event in events] == [(ada.id, admin.id)] * 2


def test_unchanged_state_is_not_recorded(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    run_action(browser, "user", "disable", ada.id)

    again = run_action(browser, "user", "disable", ada.id, bob.id)

    assert again.status_code == 200
    assert "Disabled: 1." in page_text(browser.get("/admin/user/list"))
    assert {event.user_id for event in recorded_events(client, "user_disabled")} == {ada.id, bob.id}
    assert len(recorded_events(client, "user_disabled")) == 2
    assert run_row_action(browser, "user", "disable", ada.id).status_code == 400
    run_action(browser, "user", "end-sessions", ada.id)
    assert recorded_events(client, "session_ended") == []


def test_last_admin_cannot_be_disabled(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    """Behaviour 134."""
    alone = run_row_action(browser, "user", "disable", admin.id)
    among_others = run_action(browser, "user", "disable", ada.id, admin.id)

    assert alone.json() == among_others.json() == {"msg": users.LastAdmin.title}
    assert is_active(client, ada)
    assert is_signed_in(browser)
    assert recorded_events(client, "user_disabled") == []


def test_admin_can_disable_themselves_if_another_admin_remains(
    client: TestClient, browser: TestClient, admin: User
) -> None:
    add_user(client, "second@example.com", admin=True)

    assert run_row_action(browser, "user", "disable", admin.id).status_code == 200

    assert not is_signed_in(browser)
    assert not is_active(client, admin)


def test_sessions_are_searched_by_user(client: TestClient, browser: TestClient, ada: User) -> None:
    open_browser(client, ada)

    async def read(session: AsyncSession) -> list[str]:
        return [str(row) for row in await session.scalars(select(AuthSession.id).where(AuthSession.user_id == ada.id))]

    page = browser.get(f"/admin/user/detail?pk={ada.id}").text

    assert "/admin/session/list?q=ada%40example.com" in page
    assert listed_ids(browser, "session", q="ada@example.com") == in_database(client, read)
