"""Audit log of optional features of views: inline edits, inlines, custom actions, imports."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient
from starlette_admin.actions import action, row_action
from starlette_admin.exceptions import ActionFailed

from app.admin.base.inlines import InlineView
from app.admin.views.users import UserView
from app.main import create_app
from app.settings.config import Settings
from tests.admin.audit_log import edit_note, recorded_events
from tests.admin.browser import csrf_token, page_text, run_action, run_row_action, save
from tests.admin.factories import add_note
from tests.sample.sample_notes.admin import SampleNoteView
from tests.sample.sample_notes.models import SampleNote
from tests.support import add_user
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database


async def shout(self: SampleNoteView, request: Any, selection: Any) -> None:  # noqa: ARG001
    """Change the selected notes."""
    for row in await selection.rows():
        row.title = row.title.upper()


async def fail(self: SampleNoteView, request: Any, pk: str) -> None:
    """Change a note, then fail."""
    (await self.find_by_pk(request, pk)).title = "never"
    raise ActionFailed("No.")


class NoteInline(InlineView):
    """Notes in their owner's form."""

    model = SampleNote
    title_field = "title"
    fields = ("title", "body")


@pytest.fixture
def shop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Return an app whose notes have inline edits, inlines, imports, custom actions and a hidden field."""
    monkeypatch.setattr(UserView, "inlines", [NoteInline])
    monkeypatch.setattr(SampleNoteView, "inline_editable_fields", ["title"])
    monkeypatch.setattr(SampleNoteView, "importers", ("csv",))
    monkeypatch.setattr(SampleNoteView, "exclude_fields_from_detail", ("body",))
    monkeypatch.setattr(SampleNoteView, "shout_action", action("shout", "Shout")(shout), raising=False)
    monkeypatch.setattr(SampleNoteView, "fail_row_action", row_action("fail", "Fail")(fail), raising=False)
    with TestClient(create_app(settings), follow_redirects=False) as client:
        yield client


def test_inline_edit_of_a_cell_is_recorded(shop: TestClient) -> None:
    ada, browser = add_user(shop, "ada@example.com"), open_browser(shop, add_user(shop, "me@example.com", admin=True))
    note = add_note(shop, ada)
    cell = f"/admin/_api/sample-note/inline-edit?pk={note.id}&field=title"
    token = {"X-CSRFToken": csrf_token(browser)}

    assert browser.post(cell, data={"title": "Bread"}, headers=token).status_code == 200
    assert browser.post(cell, data={"title": ""}, headers=token).status_code == 422

    (event,) = recorded_events(shop)
    assert (event.name, event.target_id) == ("data_changed", str(note.id))
    assert event.data["changes"] == {"title": {"old": "Milk", "new": "Bread"}}


def test_inline_rows_are_recorded_separately(shop: TestClient) -> None:
    ada, browser = add_user(shop, "ada@example.com"), open_browser(shop, add_user(shop, "me@example.com", admin=True))
    changed, gone = add_note(shop, ada, "Changed"), add_note(shop, ada, "Gone")
    page, person = f"/admin/user/edit?pk={ada.id}", {"display_name": "", "is_active": "on"}
    rows = {
        "inlines.sample-note.0.pk": str(changed.id),
        "inlines.sample-note.0.title": "Bread",
        "inlines.sample-note.0.body": changed.body,
        "inlines.sample-note.0._version": "1",
        "inlines.sample-note.1.pk": str(gone.id),
        "inlines.sample-note.1.DELETE": "on",
        "inlines.sample-note.1._version": "1",
        "inlines.sample-note.2.title": "New",
    }

    assert save(browser, page, person, **{**rows, "inlines.sample-note.0.title": ""}).status_code == 422
    assert recorded_events(shop) == []
    assert save(browser, page, person, **rows).status_code == 303

    changes = {"title": {"old": "Changed", "new": "Bread"}}
    assert [(event.name, event.data.get("changes")) for event in recorded_events(shop)] == [
        ("data_changed", changes),
        ("data_deleted", None),
        ("data_created", None),
    ]


def test_successful_actions_are_recorded(shop: TestClient) -> None:
    ada, browser = add_user(shop, "ada@example.com"), open_browser(shop, add_user(shop, "me@example.com", admin=True))
    rows = [add_note(shop, ada, title).id for title in ("a", "b")]

    assert run_action(browser, "sample-note", "shout", *rows).status_code == 200
    assert run_row_action(browser, "sample-note", "fail", rows[0]).status_code == 400
    assert run_action(browser, "sample-note", "unknown", *rows).status_code == 400

    events = recorded_events(shop)
    assert [event.name for event in events] == ["admin_action"] * 2
    assert sorted(UUID(event.target_id or "") for event in events) == rows
    assert {event.data["action"] for event in events} == {"shout"}


def test_import_and_its_rows_are_recorded(shop: TestClient) -> None:
    ada, browser = add_user(shop, "ada@example.com"), open_browser(shop, add_user(shop, "me@example.com", admin=True))
    token = {"X-CSRFToken": csrf_token(browser)}

    for rows, preview in (("Milk\n \n", "0"), ("Milk\nEggs\n", "1"), ("Milk\nEggs\n", "0")):
        lines = "".join(f"{title},,{ada.id}\n" for title in rows.splitlines())
        file = {"file": ("notes.csv", f"title,body,owner\n{lines}", "text/csv")}
        response = browser.post(
            f"/admin/_api/sample-note/import?preview={preview}", data={"format": "csv"}, files=file, headers=token
        )
        assert response.status_code == 200, response.text

    assert [(event.name, event.data) for event in recorded_events(shop)] == [
        ("data_created", {"name": "Milk"}),
        ("data_created", {"name": "Eggs"}),
        ("data_imported", {"rows": 2}),
    ]


def test_history_omits_hidden_fields(shop: TestClient) -> None:
    ada, browser = add_user(shop, "ada@example.com"), open_browser(shop, add_user(shop, "me@example.com", admin=True))
    note = add_note(shop, ada)
    edit_note(browser, note, ada, title="Bread", body="between us")

    history = page_text(browser.get(f"/admin/sample-note/detail?pk={note.id}")).partition("History")[2]

    assert "Milk" in history
    assert "between us" not in history
