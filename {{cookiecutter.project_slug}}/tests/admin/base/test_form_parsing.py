"""Invalid input and unknown references are rejected and displayed again, and never dropped."""

from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload
from starlette.testclient import TestClient

from tests.admin.browser import csrf_token, page_text, run_row_action, save
from tests.admin.factories import add_author, add_book, add_row, models
from tests.support import in_database

UNKNOWN = "00000000-0000-7000-8000-000000000000"


def books(library: TestClient) -> list[tuple[Any, ...]]:
    """Return values of each book, oldest first."""

    async def read(session: AsyncSession) -> list[tuple[Any, ...]]:
        book = models().Book
        found = await session.scalars(select(book).order_by(book.id).options(selectinload(book.subjects)))
        return [(row.title, row.weight, row.facts, row.reader_id, [s.code for s in row.subjects]) for row in found]

    return in_database(library, read)


def save_book(library: TestClient, page: str, **fields: Any) -> Response:
    """Save a new or existing book with this form."""
    author = add_author(library, f"Author {uuid4()}")
    book = {
        "title": "Changed",
        "isbn": "123",
        "genre": "novel",
        "size": "octavo",
        "summary": "Short",
        "author": str(author.id),
    }
    return save(library, page, {**book, **fields})


@pytest.fixture(params=["create", "edit"])
def page(request: pytest.FixtureRequest, library: TestClient) -> str:
    """Return the URL of a form."""
    subject = add_row(library, models().Subject(code="A"))
    book = add_book(library, "Mine", weight=1.5, facts={"a": 1}, subjects=[subject])
    return "/admin/book/create" if request.param == "create" else f"/admin/book/edit?pk={book.id}"


@pytest.mark.parametrize(
    ("field", "submitted"),
    [
        ("weight", "four"),
        ("weight", "1.5.2"),
        ("pages", "9" * 5000),
        ("price", "a lot"),
        ("bought_at", "yesterday"),
        ("facts", '{"a": "\\ud800"}'),
        ("facts", '{"\\udc00": 1}'),
        ("facts", '{"a": "\\u0000"}'),
        ("facts", '{"a": 1e400}'),
        ("facts", '{"a": NaN}'),
        ("facts", "{"),
    ],
)
def test_invalid_input_is_rejected_and_displayed_again(
    library: TestClient, page: str, field: str, submitted: str
) -> None:
    before = books(library)

    response = save_book(library, page, **{field: submitted})

    assert response.status_code == 422
    assert "Enter a valid value." in page_text(response)
    assert submitted in unescape(response.text)
    assert books(library) == before


def test_missing_fields_are_empty(library: TestClient) -> None:
    assert save_book(library, "/admin/book/create").status_code == 303
    assert books(library) == [("Changed", None, None, None, [])]


@pytest.mark.parametrize(
    "selected",
    [{"reader": UNKNOWN}, {"reader": "junk"}, {"subjects": UNKNOWN}, {"subjects": "junk"}, {"author": UNKNOWN}],
    ids=str,
)
def test_unknown_reference_is_rejected(library: TestClient, page: str, selected: dict[str, str]) -> None:
    before = books(library)

    response = save_book(library, page, **selected)

    assert response.status_code == 422
    assert "Select an option from the list." in page_text(response)
    assert books(library) == before


def test_unknown_reference_among_known_ones_is_rejected(library: TestClient) -> None:
    known = add_row(library, models().Subject(code="A"))

    rejected = save_book(library, "/admin/book/create", subjects=[str(known.id), UNKNOWN])
    saved = save_book(library, "/admin/book/create", subjects=[str(known.id), str(known.id)])

    assert (rejected.status_code, saved.status_code) == (422, 303)
    assert books(library) == [("Changed", None, None, None, ["A"])]


@pytest.mark.parametrize("selected", [{"reader": UNKNOWN}, {"subjects": UNKNOWN}, {"reader": "junk"}], ids=str)
def test_unknown_reference_of_an_inline_row_is_rejected(library: TestClient, selected: dict[str, str]) -> None:
    author = add_author(library, "Ada")
    row = {"title": "New", "isbn": "123", "genre": "novel", **selected}
    inline = {f"inlines.work.0.{name}": value for name, value in row.items()}

    response = save(library, f"/admin/writer/edit?pk={author.id}", {"name": "Ada", **inline})

    assert response.status_code == 422
    assert "Select an option from the list." in page_text(response)
    assert books(library) == []


@pytest.mark.parametrize("index", ["²", "9" * 5000, "-1", "x"])
def test_inline_row_with_an_invalid_index_is_ignored(library: TestClient, index: str) -> None:
    author = add_author(library, "Ada")

    response = save(
        library, f"/admin/writer/edit?pk={author.id}", {"name": "Ada", f"inlines.work.{index}.title": "New"}
    )

    assert response.status_code == 303
    assert books(library) == []


@pytest.mark.parametrize("name", ["view", "edit"])
def test_link_cannot_be_run_as_an_action(library: TestClient, name: str) -> None:
    book = add_book(library, "Mine")

    assert run_row_action(library, "book", name, book.id).status_code == 400


@pytest.mark.parametrize("name", ["delete", "view", ""])
def test_action_without_a_row_is_rejected(library: TestClient, name: str) -> None:
    response = library.post(
        "/admin/_api/book/row-action", params={"name": name}, headers={"X-CSRFToken": csrf_token(library)}
    )

    assert response.status_code < 500
    assert response.status_code != 303
