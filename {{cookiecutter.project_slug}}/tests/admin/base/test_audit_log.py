"""Audit log: changes are recorded in their transaction, without sensitive values."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from app.admin.base.changes import MAX_VALUE_LENGTH, diff
from app.api.idempotency import IdempotencyKey
from app.database.base import Base
from tests.admin.audit_log import edit_note, log_text, recorded_events
from tests.admin.browser import export, listed_ids, page_text, run_action, run_row_action, save
from tests.admin.factories import add_note, add_row, models
from tests.admin.views.test_users import admin_role
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database


def test_create_edit_and_delete_are_recorded(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    save(browser, "/admin/sample-note/create", title="Milk", body="Two", owner=str(ada.id))
    row = listed_ids(browser, "sample-note")[0]
    save(browser, f"/admin/sample-note/edit?pk={row}", title="Bread", body="Two", owner=str(ada.id))
    run_row_action(browser, "sample-note", "delete", row)

    events = recorded_events(client)
    assert [(event.name, event.data) for event in events] == [
        ("data_created", {"name": "Milk"}),
        ("data_changed", {"name": "Bread", "changes": {"title": {"old": "Milk", "new": "Bread"}}}),
        ("data_deleted", {"name": "Bread"}),
    ]
    for event in events:
        assert (event.target_type, event.target_id, event.actor_id) == ("sample_notes", row, admin.id)
        assert (event.ip, event.user_agent) == ("testclient", "testclient")
        assert event.request_id


def test_bulk_delete_records_an_event_per_row(client: TestClient, browser: TestClient, ada: User) -> None:
    rows = [str(add_note(client, ada, title).id) for title in ("a", "b")]

    run_action(browser, "sample-note", "delete", *rows)

    assert sorted(event.target_id or "" for event in recorded_events(client, "data_deleted")) == rows
    assert len(recorded_events(client)) == 2


def test_foreign_user_id_is_not_treated_as_a_user(library: TestClient) -> None:
    subject = add_row(library, models().Subject(code="QA76", user_id=7))

    run_action(library, "subject", "delete", str(subject.id))

    (event,) = recorded_events(library, "data_deleted")
    assert (event.target_id, event.user_id) == (str(subject.id), None)


def test_users_are_recorded_by_id_only(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    note = add_note(client, ada)

    edit_note(browser, note, bob)

    (event,) = recorded_events(client)
    assert event.data["changes"] == {"owner": {"old": {"id": str(ada.id)}, "new": {"id": str(bob.id)}}}
    shown = page_text(browser.get(f"/admin/sample-note/detail?pk={note.id}"))
    assert ada.email in shown
    assert ada.email in page_text(browser.get(f"/admin/event/detail?pk={event.id}"))
    assert ada.email not in log_text(client)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"title": "x" * 201}, id="long"),
        pytest.param({"title": "Taken"}, id="taken"),
        pytest.param({"owner": "junk"}, id="no-owner"),
        pytest.param({"_version": "7"}, id="overtaken"),
    ],
)
def test_rejected_form_records_no_event(
    client: TestClient, browser: TestClient, ada: User, change: dict[str, str]
) -> None:
    add_note(client, ada, "Taken")
    note = add_note(client, ada)
    valid = {"title": "Bread", "body": "", "owner": str(ada.id)}

    assert save(browser, f"/admin/sample-note/edit?pk={note.id}", {**valid, **change}).status_code == 422

    assert recorded_events(client) == []


def test_saving_without_changes_records_no_event(client: TestClient, browser: TestClient, ada: User) -> None:
    note = add_note(client, ada)

    edit_note(browser, note, ada)

    assert recorded_events(client) == []


def test_rejected_delete_records_no_event(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    assert run_action(browser, "user", "delete", ada.id, admin.id).status_code == 400
    assert run_action(browser, "role", "delete", listed_ids(browser, "role")[0]).status_code == 400

    assert recorded_events(client) == []


def test_export_is_recorded(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    add_note(client, ada)

    export(browser, "sample-note", "csv")
    export(browser, "sample-note", "nonsense")

    (event,) = recorded_events(client)
    assert (event.name, event.target_type, event.target_id) == ("data_exported", "sample_notes", None)
    assert (event.actor_id, event.data) == (admin.id, {"format": "csv", "rows": 1})


def test_action_with_its_own_event_is_recorded_once(client: TestClient, browser: TestClient, ada: User) -> None:
    open_browser(client, ada)
    session = listed_ids(browser, "session")[0]

    run_row_action(browser, "session", "end", session)
    run_action(browser, "user", "reset", ada.id)

    assert [(event.name, event.target_type, event.target_id) for event in recorded_events(client)] == [
        ("session_ended", "auth_sessions", session),
        ("authn_password_reset_requested", "users", str(ada.id)),
    ]


def test_user_change_is_recorded_once(client: TestClient, browser: TestClient, ada: User) -> None:
    page = f"/admin/user/edit?pk={ada.id}"

    save(browser, page, display_name="", is_active="on", roles=admin_role(client))
    save(browser, page, display_name="Countess", roles=admin_role(client))
    run_action(browser, "user", "delete", ada.id)

    events = recorded_events(client)
    assert [event.name for event in events] == [
        "privilege_permissions_changed",
        "user_disabled",
        "data_changed",
        "user_deleted",
    ]
    assert {(event.target_type, event.target_id) for event in events} == {("users", str(ada.id))}


def test_user_change_is_recorded_with_old_and_new_values(client: TestClient, browser: TestClient, ada: User) -> None:
    save(browser, f"/admin/user/edit?pk={ada.id}", display_name="Countess", is_active="on")

    (event,) = recorded_events(client)
    assert event.user_id == ada.id
    assert event.data == {"changes": {"display_name": {"old": "", "new": "Countess"}}}


@pytest.mark.parametrize(
    ("model", "column", "old", "new"),
    [
        pytest.param(User, "password_hash", "$argon2id$1", "$argon2id$2", id="hash"),
        pytest.param(User, "email_key", "a@example.com", "b@example.com", id="key"),
        pytest.param(AuthSession, "previous_token_hash", b"1", None, id="token"),
        pytest.param(IdempotencyKey, "response", None, b"sealed", id="bytes"),
    ],
)
def test_sensitive_change_is_recorded_without_values(model: type[Base], column: str, old: object, new: object) -> None:
    assert diff(model, {column: old}, {column: new}) == {column: {}}


def test_long_value_is_truncated(client: TestClient, browser: TestClient, ada: User) -> None:
    note = add_note(client, ada)

    edit_note(browser, note, ada, body="x" * 1000)

    (event,) = recorded_events(client)
    assert event.data["changes"]["body"]["new"] == "x" * (MAX_VALUE_LENGTH - 1) + "…"


def test_log_line_has_the_row_id_without_values(
    client: TestClient, browser: TestClient, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    note = add_note(client, ada)

    with caplog.at_level("INFO", "app.events"):
        edit_note(browser, note, ada, title="Bread")

    (line,) = (record.getMessage() for record in caplog.records if record.name == "app.events")
    assert line.startswith("data_changed")
    assert line.endswith(f"sample_notes/{note.id}")
