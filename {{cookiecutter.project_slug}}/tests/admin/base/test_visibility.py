"""References, the history and the log don't show titles of rows that `visible_rows` excludes."""

from collections.abc import Callable

from starlette.testclient import TestClient

from app.accounts.models import AuthEvent
from app.admin.base.visibility import HIDDEN_LABEL
from tests.admin.audit_log import recorded_events
from tests.admin.browser import export, listed_ids, save
from tests.admin.factories import add_author, add_book, add_subjects
from tests.query_counts import capture_statements


def test_titles_of_hidden_references_are_not_shown(library: TestClient, hide_secret_rows: Callable[[], None]) -> None:
    secret, ada = add_author(library, "Secret"), add_author(library, "Ada")
    first, second = (add_book(library, title, author_id=author.id) for title, author in (("1", secret), ("2", ada)))
    hidden, known = add_subjects(library, first, "Secret", "Known")
    pages = ["list?cols=title,author,subjects", f"detail?pk={first.id}", f"detail?pk={second.id}"]
    assert ["Secret" in library.get(f"/admin/book/{page}").text for page in pages] == [True, True, False]

    hide_secret_rows()

    shown = [library.get(f"/admin/book/{page}").text for page in pages]
    assert [HIDDEN_LABEL in page for page in shown] == [True, True, False]
    assert [f"/admin/author/detail?pk={ada.id}" in page for page in shown] == [True, False, True]
    assert [f"/admin/subject/detail?pk={known.id}" in page for page in shown] == [True, True, False]
    for page in shown:
        assert "Secret" not in page
        assert f"/admin/author/detail?pk={secret.id}" not in page
        assert f"/admin/subject/detail?pk={hidden.id}" not in page
    for kind in ("csv", "json", "xlsx"):
        assert b"Secret" not in export(library, "book", kind).content
    assert str(secret.id) in export(library, "book", "json").text


def test_filter_ignores_hidden_references(library: TestClient, hide_secret_rows: Callable[[], None]) -> None:
    book = add_book(library, "1", author_id=add_author(library, "Secret").id)
    add_subjects(library, book, "Secret")
    filters = ("author__contains=secret", "subjects__contains=secret")
    assert [listed_ids(library, "book", filter=filter_) for filter_ in filters] == [[str(book.id)]] * 2

    hide_secret_rows()

    assert [listed_ids(library, "book", filter=filter_) for filter_ in filters] == [[], []]


def test_visibility_check_takes_one_statement_per_reference(
    library: TestClient, hide_secret_rows: Callable[[], None]
) -> None:
    for number in range(3):
        add_subjects(library, add_book(library, f"{number}"), f"S{number}")
    with capture_statements(library) as before:
        library.get("/admin/book/list")
    hide_secret_rows()
    with capture_statements(library) as after:
        library.get("/admin/book/list")

    assert len(after) == len(before) + 2


def test_history_and_log_do_not_show_titles_of_hidden_rows(
    library: TestClient, hide_secret_rows: Callable[[], None]
) -> None:
    secret, ada = add_author(library, "Secret"), add_author(library, "Ada")
    book = add_book(library, "1", author_id=secret.id)
    entered = {"title": "One", "isbn": "1", "genre": "novel", "size": "a", "summary": ""}
    changed = save(library, f"/admin/book/edit?pk={book.id}", entered, author=str(ada.id))
    renamed = save(library, f"/admin/author/edit?pk={secret.id}", name="Secret", label="Secret label")
    assert (changed.status_code, renamed.status_code) == (303, 303)
    events: list[AuthEvent] = recorded_events(library, "data_changed")
    pages = ["book/detail?pk=" + str(book.id), "event/list", *(f"event/detail?pk={event.id}" for event in events)]
    assert ["Secret" in library.get(f"/admin/{page}").text for page in pages] == [True] * 4

    hide_secret_rows()

    shown = [library.get(f"/admin/{page}").text for page in pages]
    assert ["Secret" in page for page in shown] == [False] * 4
    assert ["Ada" in page for page in shown] == [True, True, True, False]
    assert HIDDEN_LABEL in shown[0]
    assert str(secret.id) in shown[3]
    for kind in ("csv", "json", "xlsx"):
        assert b"Secret" not in export(library, "event", kind).content
