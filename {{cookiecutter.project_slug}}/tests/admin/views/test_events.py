"""The audit log in the admin is read-only, and has the events of all users."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.events import Event
from app.accounts.models import AuthEvent, User
from tests.admin.browser import csrf_token, export, listed_ids, page_text, run_action, run_row_action
from tests.support import PASSWORD, in_database, log_in

pytestmark = pytest.mark.any_database

LOGIN = "/api/v1/auth/login"


def test_admin_sees_successful_and_failed_sign_ins(client: TestClient, browser: TestClient, ada: User) -> None:
    """Behaviours 36, 150."""
    client.post(LOGIN, json={"email": ada.email, "password": "wrong"}, headers={"User-Agent": "<i>thief</i>"})
    client.post(LOGIN, json={"email": "nobody@example.com", "password": "wrong"})
    token = log_in(client, ada.email)["access_token"]

    page = browser.get("/admin/event/list")
    detail = browser.get(f"/admin/event/detail?pk={listed_ids(browser, 'event')[2]}")

    assert [page_text(page).count(name) for name in ("Signed in", "Failed sign-in")] == [1, 2]
    for text in (ada.email, "Failed sign-in", "authn_login_fail", "testclient", "<i>thief</i>"):
        assert text in page_text(detail)
    for response in (page, detail, export(browser, "event", "csv")):
        assert PASSWORD not in response.text
        assert token not in response.text
        assert "<i>thief" not in response.text or response.headers["Content-Type"].startswith("text/csv")


def test_events_are_searched_by_name_and_user(client: TestClient, browser: TestClient, ada: User) -> None:
    client.post(LOGIN, json={"email": "nobody@example.com", "password": "wrong"})
    log_in(client, ada.email)
    success, failure = listed_ids(browser, "event")

    assert listed_ids(browser, "event", q="ADA@") == [success]
    assert listed_ids(browser, "event", q="login_fail") == [failure]
    assert listed_ids(browser, "event", q="signed IN") == [success]
    assert listed_ids(browser, "event", q="%") == []
    assert listed_ids(browser, "event", sort="data__asc") == [success, failure], "there is no order of JSON"


def test_events_cannot_be_created_changed_or_deleted(client: TestClient, browser: TestClient, ada: User) -> None:
    """Behaviour 150."""
    log_in(client, ada.email)
    before = listed_ids(browser, "event")

    responses = [browser.get("/admin/event/create"), browser.get(f"/admin/event/edit?pk={before[0]}")]
    token = {"X-CSRFToken": csrf_token(browser)}
    forged = {"target_type": "sample_notes", "target_id": "1", "data": "{}"}
    paths = ("event/create", f"event/edit?pk={before[0]}", f"_api/event/inline-edit?pk={before[0]}&field=data")
    responses += [browser.post(f"/admin/{path}", data=forged, headers=token) for path in paths]
    responses += [delete(browser, "event", "delete", before[0]) for delete in (run_action, run_row_action)]

    assert all(response.status_code >= 400 for response in responses)
    assert listed_ids(browser, "event") == before


def test_what_events_record_is_shown_in_words(client: TestClient, browser: TestClient) -> None:
    async def add(session: AsyncSession) -> None:
        session.add(AuthEvent(name=Event.LOGOUT, data={"session_id": "7", "roles": ["editor"]}))

    in_database(client, add)

    page = browser.get("/admin/event/list")
    detail = page_text(browser.get(f"/admin/event/detail?pk={listed_ids(browser, 'event')[0]}"))

    for text in (page_text(page), detail):
        assert "Session ID 7" in " ".join(text.split())
        assert "Roles editor" in " ".join(text.split())
    assert "session_id" not in page_text(page)
    assert detail.index("Event ") < detail.rindex(" ID ")  # the event's own comes last
