"""Unchanged form fields are not altered by saving."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload
from starlette.testclient import TestClient

from tests.admin.browser import page_text
from tests.admin.factories import add_author, add_book, add_row, add_subjects, models
from tests.admin.forms import unchanged_form_data
from tests.support import add_user, in_database

HIDDEN_LABEL = "No access"

PLAIN = {"title": "Mine", "isbn": "1", "genre": "novel"}
ODD: dict[str, Any] = {
    "moment": {"bought_at": datetime(2026, 1, 31, 10, 0, 0, 123456, UTC)},
    "year-26": {"bought_at": datetime(26, 1, 31, 10, 0, tzinfo=UTC)},
    "minute": {"bought_at": datetime(9999, 12, 31, 10, 7, tzinfo=UTC)},
    "blanks": {"title": "  two  blanks ", "size": " a\nb\r\nc "},
    "too-short-by-now": {"title": "x"},
    "line-ends": {"summary": "\n one\r\ntwo\rthree\n\n "},
    "markup": {"summary": "</textarea><b>&amp;", "title": "\"'<&>"},
    "empty": {"summary": "", "size": ""},
    "decimal": {"price": Decimal("-0.10"), "weight": 1e-7, "pages": 0},
    "long-float": {"weight": 0.1 + 0.2, "in_print": False},
    "large-float": {"weight": 1.7976931348623157e308},
    "json": {"facts": {"b": 1.0, "a": [True, None, "é\n", {"x": 2**60}]}},
    "json-empty": {"facts": {}},
    "json-list": {"facts": [1, "1"]},
}


def stored(library: TestClient) -> list[dict[str, Any]]:
    """Return the columns and subjects of all books."""

    async def read(session: AsyncSession) -> list[dict[str, Any]]:
        book = models().Book
        books = await session.scalars(select(book).order_by(book.id).options(selectinload(book.subjects)))
        names = book.__table__.c.keys()
        return [
            {name: getattr(row, name) for name in names}
            | {"subjects": sorted(subject.code for subject in row.subjects)}
            for row in books
        ]

    return in_database(library, read)


def add_odd_books(library: TestClient) -> dict[str, Any]:
    """Insert a book with references for each of the values."""
    reader = add_user(library, "reader@example.com")
    books = {}
    for name, values in ODD.items():
        author = add_author(library, f"Author of {name}")
        books[name] = add_row(
            library, models().Book(**{**PLAIN, "author_id": author.id, "reader_id": reader.id, **values})
        )
        add_subjects(library, books[name], f"B {name}", f"A {name}")
    return books


@pytest.mark.parametrize("view", ["book", "writer"])
def test_saving_an_unchanged_form_changes_nothing(library: TestClient, view: str) -> None:
    books = add_odd_books(library)
    before = stored(library)

    for name, book in books.items():
        page = f"/admin/{view}/edit?pk={book.id if view == 'book' else book.author_id}"
        response = library.post(page, data=unchanged_form_data(library, page))
        assert response.status_code == 303, (name, page_text(response))

    assert stored(library) == before


def test_only_changed_fields_are_saved(library: TestClient) -> None:
    books = add_odd_books(library)
    before = stored(library)

    for book in books.values():
        page = f"/admin/book/edit?pk={book.id}"
        assert library.post(page, data=unchanged_form_data(library, page) | {"isbn": "2"}).status_code == 303

    after = stored(library)
    assert after == [
        old | {"isbn": "2", "version": 2, "updated_at": new["updated_at"]}
        for old, new in zip(before, after, strict=True)
    ]


def test_year_has_four_digits_and_can_be_saved_again(library: TestClient) -> None:
    book = add_book(library, "Mine", bought_at=datetime(26, 1, 31, 10, 7, 5, tzinfo=UTC))

    for page in ("list", f"detail?pk={book.id}"):
        assert "0026-01-31 10:07 UTC" in page_text(library.get(f"/admin/book/{page}"))

    page = f"/admin/book/edit?pk={book.id}"
    for moment in ("0027-01-31 10:07:05", "0026-02-01T10:07"):
        response = library.post(page, data=unchanged_form_data(library, page) | {"bought_at": moment})
        assert response.status_code == 303, page_text(response)
    assert stored(library)[0]["bought_at"] == datetime(26, 2, 1, 10, 7, tzinfo=UTC)
    assert "0027-01-31 10:07:05 UTC" in page_text(library.get(f"/admin/book/detail?pk={book.id}"))


def test_form_keeps_references_to_hidden_rows(library: TestClient, hide_secret_rows: Callable[[], None]) -> None:
    author = add_author(library, "Secret")
    book = add_book(library, "Mine", author_id=author.id)
    add_subjects(library, book, "Secret", "Known")
    other = str(add_row(library, models().Subject(code="Other")).id)
    hide_secret_rows()
    page = f"/admin/book/edit?pk={book.id}"
    sent = unchanged_form_data(library, page)
    shown = library.get(page).text

    response = library.post(page, data=sent | {"subjects": [*sent["subjects"], other], "isbn": "2"})

    assert response.status_code == 303, page_text(response)
    (after,) = stored(library)
    assert (after["author_id"], after["isbn"], after["subjects"]) == (author.id, "2", ["Known", "Other", "Secret"])
    assert shown.count(HIDDEN_LABEL) == 2
    assert "Secret" not in shown


def test_reference_to_a_hidden_row_can_be_replaced_but_not_selected(
    library: TestClient, hide_secret_rows: Callable[[], None]
) -> None:
    secret, known = add_author(library, "Secret"), add_author(library, "Known")
    book = add_book(library, "Mine", author_id=secret.id)
    hide_secret_rows()
    page = f"/admin/book/edit?pk={book.id}"

    changed = library.post(page, data=unchanged_form_data(library, page) | {"author": str(known.id)})
    rejected = library.post(page, data=unchanged_form_data(library, page) | {"author": str(secret.id)})

    assert (changed.status_code, rejected.status_code) == (303, 422)
    assert "Select an option from the list." in page_text(rejected)
    assert stored(library)[0]["author_id"] == known.id


def test_rejected_form_keeps_selected_references(library: TestClient, hide_secret_rows: Callable[[], None]) -> None:
    book = add_book(library, "Mine", author_id=add_author(library, "Secret").id)
    (subject,) = add_subjects(library, book, "Secret")
    hide_secret_rows()
    page = f"/admin/book/edit?pk={book.id}"

    response = library.post(page, data=unchanged_form_data(library, page) | {"isbn": "x" * 99})

    assert response.status_code == 422
    assert response.text.count(HIDDEN_LABEL) == 2
    assert f'<option value="{subject.id}" selected>' in response.text


def test_reference_to_a_deleted_row_is_rejected(library: TestClient) -> None:
    reader, other = (add_user(library, f"{name}@example.com") for name in ("ada", "bob"))
    book = add_book(library, "Mine", reader_id=reader.id)
    page = f"/admin/book/edit?pk={book.id}"
    sent = unchanged_form_data(library, page)
    in_database(library, lambda session: session.execute(delete(type(other)).where(type(other).id == other.id)))

    selected = library.post(page, data=sent | {"reader": str(other.id)})
    assert (selected.status_code, stored(library)[0]["reader_id"]) == (422, reader.id)

    in_database(library, lambda session: session.execute(delete(type(reader)).where(type(reader).id == reader.id)))
    unchanged = library.post(page, data=sent)
    assert unchanged.status_code == 422
    assert "Select an option from the list." in page_text(unchanged)


def test_outdated_form_does_not_treat_old_values_as_unchanged(library: TestClient) -> None:
    book = add_book(library, "Mine")
    page = f"/admin/book/edit?pk={book.id}"
    sent = unchanged_form_data(library, page)
    model = models().Book
    in_database(
        library, lambda session: session.execute(update(model).where(model.id == book.id).values(isbn="9", version=2))
    )

    rejected = library.post(page, data=sent)
    saved = library.post(page, data=sent | {"_version": "2"})

    assert (rejected.status_code, saved.status_code) == (422, 303)
    assert stored(library)[0]["isbn"] == "Mine"
