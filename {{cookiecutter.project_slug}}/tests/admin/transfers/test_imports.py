"""Large imports run as jobs: all rows or none, with the same errors and events as at once."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.accounts.permissions import Permission
from app.admin.imports import imports, jobs, upload
from tests.admin.audit_log import recorded_events
from tests.admin.factories import add_author
from tests.admin.import_helpers import books, import_errors, import_file, note_file, notes
from tests.admin.staff import add_staff
from tests.admin.transfer_helpers import (
    cancel,
    count_chunks,
    delete_user,
    job_of,
    lose_all_permissions,
    open_page,
    run_again,
)
from tests.jobs.helpers import run_jobs
from tests.sample.sample_notes.admin import SampleNoteView
from tests.web.browser import open_browser


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files of more than three rows be large."""
    monkeypatch.setattr(upload, "LARGE_ROWS", 3)
    monkeypatch.setattr(imports, "PREVIEWED_ROWS", 2)


def four_notes(owner: User, *, last: str = "Note 3") -> str:
    """Return a file with four notes."""
    return note_file(*((f"Note {n}", "=1", owner.email) for n in range(3)), (last, "", owner.email))


def start_import(browser: TestClient, content: str, view: str = "sample-note", **choices: str) -> str:
    """Start the import of a large file, and return the path of its page."""
    response = import_file(browser, content, view, choices)
    assert response.status_code == 200, response.text
    return str(response.json()["location"])


def test_rows_are_imported_by_a_job(client: TestClient, browser: TestClient, ada: User) -> None:
    page = start_import(browser, four_notes(ada))

    before = notes(client)
    waiting = open_page(browser, page)
    run_jobs(client)

    assert before == []
    assert "Import of sample notes" in waiting
    assert [title for title, _, _ in notes(client)] == ["Note 0", "Note 1", "Note 2", "Note 3"]
    assert notes(client)[0][1:] == ("=1", "ada@example.com")
    assert "Created: 4. Updated: 0. Unchanged: 0." in open_page(browser, page)


def test_choices_of_the_dialog_are_kept(library: TestClient) -> None:
    author = add_author(library, "Ada")
    file = "title,isbn,genre,author,price,pages\n" + "".join(
        f'Book {n},{n},novel,{author.id},"1.234,50",1\n' for n in range(4)
    )
    page = start_import(library, file, "catalogue", numbers="comma")
    run_jobs(library)

    assert "Created: 4." in open_page(library, page)
    assert [str(book.price) for book in books(library)] == ["1234.50"] * 4


def test_import_is_recorded_like_one_at_once(
    client: TestClient, browser: TestClient, admin: User, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.headers["User-Agent"] = "a browser"
    start_import(browser, four_notes(ada))
    run_jobs(client)
    by_job = recorded_events(client)
    monkeypatch.setattr(upload, "LARGE_ROWS", 4)
    import_file(browser, four_notes(ada).replace("Note", "Other"))

    at_once = recorded_events(client)[len(by_job) :]
    for events in (by_job, at_once):
        assert [event.name for event in events] == ["data_created"] * 4 + ["data_imported"]
        assert {(e.actor_id, e.ip, e.user_agent) for e in events} == {(admin.id, "testclient", "a browser")}
        assert {event.user_id for event in events} == {ada.id, None}
    assert by_job[-1].data == at_once[-1].data == {"rows": 4}


def test_errors_are_reported_with_their_rows(client: TestClient, browser: TestClient, ada: User) -> None:
    file = four_notes(ada, last="Note 0")

    preview = import_file(browser, file, preview="1")
    page = start_import(browser, file)
    run_jobs(client)

    assert import_errors(preview) == []  # of the first rows
    assert (preview.json()["is_partial"], preview.json()["rows_total"]) == (True, 4)
    shown = open_page(browser, page)
    assert "Nothing was imported." in shown
    assert "5 title" in shown
    assert notes(client) == []
    assert [event.name for event in recorded_events(client)] == []


def test_preview_of_a_large_file_reports_errors_of_its_first_rows(browser: TestClient, ada: User) -> None:
    file = note_file(("", "", ada.email), *((f"Note {n}", "", ada.email) for n in range(3)))

    preview = import_file(browser, file, preview="1")

    assert [(row, field) for row, field, _ in import_errors(preview)] == [(2, "title")]


def test_first_rows_of_a_preview_may_refer_to_later_ones(library: TestClient) -> None:
    file = "name,parent\n" + "".join(f"M{n},M{n + 1}\n" for n in range(4)) + "M4,\n"

    preview = import_file(library, file, "shelf-mark", preview="1")
    page = start_import(library, file, "shelf-mark")
    run_jobs(library)

    assert import_errors(preview) == []
    assert "Created: 5." in open_page(library, page)


def test_small_file_is_imported_at_once(client: TestClient, browser: TestClient, ada: User) -> None:
    preview = import_file(browser, note_file(("a", "", ada.email)), preview="1").json()
    response = import_file(browser, note_file(("a", "", ada.email))).json()

    assert (preview["is_partial"], response["rows_created"], count_chunks(client)) == (False, 1, 0)


def test_failed_attempt_imports_nothing_and_the_next_one_everything(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError

    page = start_import(browser, four_notes(ada))
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "delete_chunks", fail)  # after the rows were saved
        run_jobs(client)
    between = notes(client), recorded_events(client)
    run_again(client)

    assert between == ([], [])
    assert len(notes(client)) == 4
    assert "Created: 4." in open_page(browser, page)


def test_import_fails_if_its_user_has_lost_the_permission(
    client: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SampleNoteView, "action_permissions", {"import": Permission.USERS_READ})
    staff = open_browser(client, add_staff(client, "staff", Permission.ADMIN_ACCESS, Permission.USERS_READ))
    page = start_import(staff, four_notes(ada))

    lose_all_permissions(client)
    run_jobs(client)

    shown = open_page(staff, page)
    assert "The import failed. Nothing was imported. You no longer have the permission" in shown
    assert notes(client) == []


def test_canceled_import_imports_nothing(client: TestClient, browser: TestClient, ada: User) -> None:
    page = start_import(browser, four_notes(ada))

    cancel(browser, page)
    run_jobs(client)
    shown = open_page(browser, page)

    assert "Canceled" in shown
    assert (notes(client), count_chunks(client)) == ([], 0)


def test_file_is_deleted_with_the_account(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    start_import(browser, four_notes(ada))
    assert count_chunks(client) == 1

    delete_user(client, admin)

    assert count_chunks(client) == 0


def test_page_of_an_import_has_no_file(client: TestClient, browser: TestClient, ada: User) -> None:
    page = start_import(browser, four_notes(ada))
    run_jobs(client)

    assert browser.get(f"{page}/file").status_code == 404


def test_uploaded_file_is_not_in_the_arguments(client: TestClient, browser: TestClient, ada: User) -> None:
    start_import(browser, four_notes(ada))

    assert set(job_of(client).arguments or {}) == {"encrypted"}


def test_errors_are_in_the_language_of_the_user(client: TestClient, browser: TestClient, ada: User) -> None:
    browser.headers["Accept-Language"] = "de"
    page = start_import(browser, four_notes(ada, last=""))
    run_jobs(client)

    shown = open_page(browser, page)
    assert "Es wurde nichts importiert." in shown
    assert "Dieses Feld ist erforderlich." in shown
