"""Inline rows: only rows of the parent, optimistic locking and validation."""

import re
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from tests.admin.browser import page_text, save
from tests.admin.factories import add_book, add_row, models
from tests.support import in_database


@pytest.fixture
def book(library: TestClient) -> Any:
    """Insert a book."""
    return add_book(library, "Mine")


def add_copy(library: TestClient, book: Any, shelf: str) -> Any:
    """Insert a copy."""
    return add_row(library, models().Copy(book_id=book.id, shelf=shelf))


def copies(library: TestClient) -> list[tuple[str, str, int, int]]:
    """Return values of each copy, oldest first."""

    async def read(session: AsyncSession) -> list[tuple[str, str, int, int]]:
        copy, book = models().Copy, models().Book
        query = select(book.title, copy.shelf, copy.lent, copy.version).join(copy.book).order_by(copy.id)
        return [(*row,) for row in await session.execute(query)]

    return in_database(library, read)


def entered(*rows: dict[str, Any], key: str = "copy") -> dict[str, str]:
    """Return the form data of these rows."""
    return {f"inlines.{key}.{i}.{name}": str(value) for i, row in enumerate(rows) for name, value in row.items()}


def save_rows(library: TestClient, book: Any, *rows: dict[str, Any], view: str = "shelf", **more: str) -> Response:
    """Save a book with these rows."""
    return save(
        library,
        f"/admin/{view}/edit?pk={book.id}",
        {"title": book.title, **entered(*rows, key="copy" if view == "shelf" else "kept"), **more},
    )


def existing(copy: Any, **changes: Any) -> dict[str, Any]:
    """Return the form values of a copy, with changes."""
    return {"pk": copy.id, "shelf": copy.shelf, "lent": copy.lent, "_version": copy.version, **changes}


def test_inline_rows_can_be_added_changed_and_deleted(library: TestClient, book: Any) -> None:
    first, second = add_copy(library, book, "A1"), add_copy(library, book, "A2")
    shown = library.get(f"/admin/shelf/edit?pk={book.id}").text
    detail = page_text(library.get(f"/admin/shelf/detail?pk={book.id}"))

    rows = [existing(first, lent=3), existing(second, DELETE=1), {"shelf": " B1 ", "lent": ""}, {"shelf": ""}]
    response = save_rows(library, book, *rows)

    assert response.status_code == 303, page_text(response)
    assert re.findall(r'value="(A\d)"', shown) == ["A1", "A2"]
    assert 'name="inlines.copy.0._version" value="1"' in shown
    assert "A2" in detail
    assert copies(library) == [("Mine", "A1", 3, 2), ("Mine", "B1", 0, 1)]


@pytest.mark.any_database
def test_inline_rows_are_not_created_without_their_parent(library: TestClient, book: Any) -> None:
    other = add_book(library, "Not mine")
    created = save(library, "/admin/keep/create", {"title": "New", **entered({"shelf": "C1", "lent": 1}, key="kept")})

    assert created.status_code == 422  # the form lacks the required author
    assert copies(library) == []
    assert other.id != book.id


@pytest.mark.any_database
@pytest.mark.parametrize("change", [{"shelf": "Z9"}, {"DELETE": 1}], ids=["changed", "deleted"])
def test_row_of_another_parent_is_rejected(library: TestClient, book: Any, change: dict[str, Any]) -> None:
    theirs = add_copy(library, add_book(library, "Theirs"), "T1")

    response = save_rows(library, book, existing(theirs, **change), title="Changed")

    assert response.status_code == 422
    assert "This record was deleted or belongs to another one." in page_text(response)
    assert copies(library) == [("Theirs", "T1", 0, 1)]
    assert f'value="{book.title}"' in library.get(f"/admin/shelf/edit?pk={book.id}").text  # not saved


@pytest.mark.any_database
@pytest.mark.parametrize("key", ["junk", "00000000-0000-7000-8000-000000000000"])
def test_unknown_inline_row_is_rejected(library: TestClient, book: Any, key: str) -> None:
    for change in ({"shelf": "Z9"}, {"DELETE": 1}):
        response = save_rows(library, book, {"pk": key, "lent": 0, "_version": 1, **change})

        assert response.status_code == 422


@pytest.mark.any_database
def test_row_cannot_be_moved_to_another_parent(library: TestClient, book: Any) -> None:
    other = add_book(library, "Other")
    mine = add_copy(library, book, "A1")
    stolen = {"book": str(other.id), "book_id": str(other.id)}

    response = save_rows(library, book, existing(mine, **stolen), {"shelf": "A2", "lent": 0, **stolen})

    assert response.status_code == 303
    assert [row[0] for row in copies(library)] == ["Mine", "Mine"]


@pytest.mark.any_database
def test_inline_row_has_its_title_as_heading(library: TestClient, book: Any) -> None:
    copy = add_copy(library, book, "A1")
    heading = '<p class="inline-title">A1</p>'

    shown = library.get(f"/admin/shelf/edit?pk={book.id}")
    rejected = save_rows(library, book, existing(copy, shelf="", lent=3))

    assert heading in shown.text
    assert rejected.status_code == 422
    assert heading in rejected.text


def test_outdated_inline_row_is_rejected_and_input_is_kept(library: TestClient, book: Any) -> None:
    first, second = add_copy(library, book, "A1"), add_copy(library, book, "A2")

    async def change(session: AsyncSession) -> None:
        copy = models().Copy
        await session.execute(update(copy).where(copy.id == second.id).values(lent=9, version=2))

    in_database(library, change)

    response = save_rows(library, book, existing(first, lent=5), existing(second, lent=7))

    assert response.status_code == 422
    assert "Someone else has changed this record." in page_text(response)
    assert copies(library) == [("Mine", "A1", 0, 1), ("Mine", "A2", 9, 2)]
    assert 'value="7"' in response.text


@pytest.mark.any_database
def test_inline_row_without_version_is_rejected(library: TestClient, book: Any) -> None:
    copy = add_copy(library, book, "A1")

    response = save_rows(library, book, {"pk": copy.id, "shelf": "A3", "lent": 0})

    assert response.status_code == 422
    assert copies(library) == [("Mine", "A1", 0, 1)]


@pytest.mark.any_database
def test_unchanged_inline_rows_are_not_saved(library: TestClient, book: Any) -> None:
    copy = add_copy(library, book, "A1")

    save_rows(library, book, existing(copy))

    assert copies(library) == [("Mine", "A1", 0, 1)]
    assert "A1" not in page_text(library.get("/admin/shelf/list"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param({"shelf": "A1", "lent": "x"}, "Enter a valid value.", id="no-number"),
        pytest.param({"shelf": "  ", "lent": "1"}, "This field is required.", id="blank"),
        pytest.param({"shelf": "A\x00", "lent": "1"}, "This contains an unsupported character.", id="nul"),
        pytest.param({"shelf": "A" * 11, "lent": "1"}, "Use at most 10 characters.", id="long"),
        pytest.param({"shelf": "A1", "lent": str(10**30)}, "A value is too long or out of range.", id="large"),
        pytest.param({"shelf": "taken", "lent": "1"}, "This value is already in use.", id="taken"),
        pytest.param({"shelf": "A1", "lent": "100"}, "Must be less than 100.", id="comparison"),
    ],
)
def test_invalid_inline_row_shows_an_error_and_saves_nothing(
    library: TestClient, book: Any, row: dict[str, str], message: str
) -> None:
    add_copy(library, book, "taken")

    response = save_rows(library, book, row, title="Changed")

    assert response.status_code == 422
    assert message in page_text(response)
    assert copies(library) == [("Mine", "taken", 0, 1)]


@pytest.mark.any_database
def test_errors_of_the_form_and_its_rows_are_shown_at_once_with_links(library: TestClient, book: Any) -> None:
    copy = add_copy(library, book, "A1")
    no_number, blank = existing(copy, lent="x"), {"shelf": " ", "lent": "1"}

    shown = save_rows(library, book, no_number, blank, title="")
    conflict = save_rows(library, book, existing(copy, _version=9))

    assert re.findall(r'<li><a href="#([^"]+)">([^<]+)</a>: ([^<]+)</li>', shown.text) == [
        ("title", "Title", "This field is required."),
        ("inlines.copy.0.lent", "A1, Lent", "Enter a valid value."),
        ("inlines.copy.1.shelf", "New copy, Shelf", "This field is required."),
    ]
    assert [shown.text.count(f'id="{name}"') for name in ("title", "inlines.copy.0.lent", "inlines.copy.1.shelf")] == [
        *(1, 1, 1)
    ]
    assert '<a href="#inlines.copy.0">A1</a>: Someone else has changed this record.' in conflict.text


@pytest.mark.any_database
def test_row_to_remove_stays_marked_after_an_error(library: TestClient, book: Any) -> None:
    copy = add_copy(library, book, "A1")

    shown = save_rows(library, book, existing(copy, DELETE=1), title="")

    assert 'name="inlines.copy.0.DELETE" value="1" checked' in shown.text
    assert copies(library) == [("Mine", "A1", 0, 1)]


@pytest.mark.any_database
def test_inline_row_is_not_deleted_if_not_allowed(library: TestClient, book: Any) -> None:
    copy = add_copy(library, book, "A1")

    response = save_rows(library, book, existing(copy, DELETE=1), view="keep")

    assert response.status_code == 422
    assert copies(library) == [("Mine", "A1", 0, 1)]


@pytest.mark.any_database
def test_form_has_at_most_fifty_inline_rows(library: TestClient, book: Any) -> None:
    in_database(library, lambda session: _add_many(session, book))

    shown = library.get(f"/admin/shelf/edit?pk={book.id}").text

    assert len(re.findall(r'name="inlines\.copy\.\d+\.pk"', shown)) == 50


async def _add_many(session: AsyncSession, book: Any) -> None:
    session.add_all(models().Copy(book_id=book.id, shelf=str(number)) for number in range(51))
