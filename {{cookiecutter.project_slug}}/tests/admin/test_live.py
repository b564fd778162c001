"""Changes in the admin and its imports reach the streams of the rows' owners."""

from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import run_row_action, save
from tests.admin.import_helpers import import_file, note_file
from tests.streams import open_stream

NOTES = "/api/v1/sample-notes"


def test_changes_in_the_admin_are_published(browser: TestClient, as_ada: TestClient, ada: User) -> None:
    with open_stream(as_ada, f"{NOTES}/live") as stream:
        imported = import_file(browser, note_file(("Milk", "", ada.id), ("Bread", "", ada.id))).json()
        assert imported["rows_created"] == 2
        assert [stream.next_change()[0] for _ in range(2)] == ["created", "created"]

        note_id = as_ada.get(NOTES).json()["items"][0]["id"]
        assert (
            save(browser, f"/admin/sample-note/edit?pk={note_id}", title="Butter", owner=str(ada.id)).status_code == 303
        )
        assert stream.next_change() == ("updated", note_id)

        assert run_row_action(browser, "sample-note", "delete", note_id).status_code == 200
        assert stream.next_change() == ("deleted", note_id)
