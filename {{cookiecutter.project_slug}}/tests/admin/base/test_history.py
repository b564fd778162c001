"""History of a row on its page and in the log, without data of deleted users."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, User
from app.accounts.permissions import Permission
from tests.admin.audit_log import edit_note, log_text, recorded_events
from tests.admin.browser import listed_ids, page_text, run_action, save
from tests.admin.factories import add_note
from tests.admin.staff import add_staff
from tests.support import add_user, in_database, log_in, with_token
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database


def test_page_of_a_row_shows_its_history(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    note, other = add_note(client, ada), add_note(client, ada, "Other")
    edit_note(browser, other, ada, title="Not this")
    for title in ("<b>First</b>", "Second"):
        edit_note(browser, note, ada, title=title)

    page = browser.get(f"/admin/sample-note/detail?pk={note.id}")

    history = page_text(page).partition("History")[2]
    assert history.index("Second") < history.index("Milk")
    assert admin.email in history
    assert "<b>First</b>" in history
    assert "<b>First" not in page.text
    assert "Not this" not in history
    assert "History" not in page_text(browser.get(f"/admin/user/detail?pk={ada.id}"))


def test_history_shows_emails_only_with_permission(
    client: TestClient, browser: TestClient, admin: User, ada: User, bob: User
) -> None:
    note = add_note(client, ada)
    edit_note(browser, note, bob, title="Bread")
    clerk = add_staff(client, "clerk", Permission.ADMIN_ACCESS)
    clerks = open_browser(client, clerk)
    assert save(clerks, f"/admin/sample-note/edit?pk={note.id}", title="Butter", body="").status_code == 303

    page = clerks.get(f"/admin/sample-note/detail?pk={note.id}")

    history = page_text(page).partition("History")[2]
    assert "Butter" in history
    assert "Another user" in history
    assert clerk.email in history
    assert not [person.email for person in (admin, ada, bob) if person.email in page.text]


def test_log_shows_emails_in_changes(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    note = add_note(client, ada)
    edit_note(browser, note, bob)

    log = browser.get("/admin/event/list?q=data_changed")

    row = log.text.partition("<tbody>")[2].partition("</tr>")[0]
    assert ada.email in row
    assert bob.email in row
    assert f"<del>{ada.id}" not in row


def test_page_of_a_row_shows_fifty_events_and_links_to_the_log(
    client: TestClient, browser: TestClient, ada: User
) -> None:
    note = add_note(client, ada)
    same: dict[str, Any] = {"name": "data_changed", "target_type": "sample_notes", "target_id": str(note.id)}

    async def add(session: AsyncSession) -> None:
        session.add_all(AuthEvent(**same, data={"name": f"#{number}"}) for number in range(51))

    in_database(client, add)
    edit_note(browser, note, ada, title="Newest")

    page = browser.get(f"/admin/sample-note/detail?pk={note.id}")

    assert page.text.count("list-group-item") == 50
    assert "Newest" in page_text(page)
    link = f"filter=target_type__eq%3Dsample_notes+AND+target_id__eq%3D%22{note.id}%22"
    assert link in page.text
    about = f"target_type__eq=sample_notes AND target_id__eq={note.id}"
    assert len(listed_ids(browser, "event", filter=about, page_size=25)) == 25
    assert "52" in page_text(browser.get(f"/admin/event/list?{link}"))


def test_log_can_be_searched_and_links_to_the_row(
    client: TestClient, browser: TestClient, admin: User, ada: User
) -> None:
    note = add_note(client, ada)
    edit_note(browser, note, ada, title="Bread")
    log_in(client, ada.email)
    (event,) = recorded_events(client)

    for term in (str(note.id), "sample_notes", "data_changed", admin.email):
        assert listed_ids(browser, "event", q=term) == [str(event.id)]
    assert listed_ids(browser, "event", filter="name__eq=data_changed") == [str(event.id)]
    assert listed_ids(browser, "event", filter="at__between=2020-01-01T00:00..2020-01-02T00:00") == []

    page = browser.get(f"/admin/event/detail?pk={event.id}")
    assert f"/admin/sample-note/detail?pk={note.id}" in page.text
    assert "Milk" in page_text(page)
    assert "Milk" in page_text(browser.get("/admin/event/list"))


def test_history_is_kept_after_the_row_is_deleted(client: TestClient, browser: TestClient, ada: User) -> None:
    note = add_note(client, ada)
    edit_note(browser, note, ada, title="Bread")
    run_action(browser, "sample-note", "delete", note.id)

    assert len(listed_ids(browser, "event", q=str(note.id))) == 2
    assert browser.get(f"/admin/sample-note/detail?pk={note.id}").status_code == 404


def test_deleting_a_user_removes_the_data_of_their_rows_from_the_log(
    client: TestClient, browser: TestClient, ada: User, bob: User
) -> None:
    save(browser, f"/admin/user/edit?pk={ada.id}", display_name="Countess", is_active="on")
    note = add_note(client, ada, "Diary")
    edit_note(browser, note, ada, title="Confessions")
    given = add_note(client, bob, "Recipe")
    edit_note(browser, given, ada, title="Recipe")
    edit_note(browser, given, bob, title="Recipe")
    run_action(browser, "sample-note", "delete", note.id)

    run_action(browser, "user", "delete", ada.id)

    log = log_text(client)
    for text in (ada.email, "Countess", "Diary", "Confessions"):
        assert text not in log
    assert len(recorded_events(client)) == 6
    browser.get("/admin/")  # shows the flash message with the deleted user
    assert "ada@" not in page_text(browser.get(f"/admin/sample-note/detail?pk={given.id}"))


def test_deleting_an_admin_keeps_the_changes_they_made(client: TestClient, browser: TestClient, ada: User) -> None:
    second = add_user(client, "second@example.com", admin=True)
    edit_note(open_browser(client, second), add_note(client, ada), ada, title="Bread")

    run_action(browser, "user", "delete", second.id)

    event = recorded_events(client, "data_changed")[0]
    assert (event.actor_id, event.ip, event.user_agent) == (None, "", "")
    assert event.data["changes"]["title"] == {"old": "Milk", "new": "Bread"}
    assert second.email not in log_text(client)


def test_owner_cannot_see_changes_by_admins(client: TestClient, browser: TestClient, ada: User) -> None:
    """Changes may include columns that only admins see."""
    edit_note(browser, add_note(client, ada), ada, title="Bread")
    as_ada = with_token(client, log_in(client, ada.email)["access_token"])

    responses = [as_ada.get("/api/v1/auth/events"), as_ada.get("/api/v1/users/me/export")]
    responses.append(open_browser(client, ada).get("/account/activity"))

    for response in responses:
        assert response.status_code == 200
        assert "data_changed" not in response.text
        assert "Record changed" not in response.text
