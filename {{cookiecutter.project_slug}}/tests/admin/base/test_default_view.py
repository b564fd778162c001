"""Default views of models without a custom view."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.admin.base.default_view import DefaultView, default_view
from tests.admin.browser import export, listed_ids, page_text, save
from tests.admin.factories import add_author, add_book, models
from tests.sample.sample_notes.models import SampleNote
from tests.sample.sample_notes.schemas import SampleNoteUpdate
from tests.support import in_database


@pytest.mark.any_database
def test_models_without_a_view_get_a_default_view(library: TestClient) -> None:
    home = page_text(library.get("/admin/"))

    menus = ("Authors", "Subjects", "Books", "Copies", "Lockers", "Sample notes")
    assert [menu for menu in menus if menu not in home] == []
    assert "Drawers" not in home
    assert library.get("/admin/drawer/list").status_code == 404
    assert library.get("/admin/book-subject/list").status_code == 404


def test_row_can_be_created_edited_and_shown(library: TestClient) -> None:
    author = add_author(library, "Ada Lovelace")
    entered = {"title": "Notes", "isbn": "1", "genre": "science", "author": str(author.id), "size": "a", "summary": ""}

    created = save(library, "/admin/book/create", **entered)
    book = books(library)[0]
    changed = save(library, f"/admin/book/edit?pk={book.id}", **{**entered, "title": "More", "price": "9.50"})

    assert (created.status_code, changed.status_code) == (303, 303)
    book = books(library)[0]
    assert (book.title, book.genre, book.author_id, book.size, book.version) == (
        "More",
        "science",
        author.id,
        "a",
        2,
    )
    shown = page_text(library.get(f"/admin/book/detail?pk={book.id}"))
    assert "9.50" in shown
    assert "Ada Lovelace" in shown


@pytest.mark.any_database
def test_schema_of_the_api_validates_the_form(library: TestClient) -> None:
    author = add_author(library, "Ada Lovelace")
    entered = {"isbn": "1", "genre": "novel", "author": str(author.id), "size": "a", "summary": ""}

    rejected = save(library, "/admin/book/create", entered, title="No")

    assert rejected.status_code == 422
    assert "Use at least 3 characters." in page_text(rejected)
    assert books(library) == []
    assert save(library, "/admin/book/create", entered, title="Notes").status_code == 303


@pytest.mark.any_database
def test_form_has_no_sensitive_and_readonly_fields(library: TestClient) -> None:
    form = library.get("/admin/book/create").text

    for name in ("title", "genre", "summary", "author", "reader", "subjects"):
        assert f'name="{name}"' in form
    for name in ("id", "version", "created_at", "api_token", "cover", "age", "author_id", "session", "copies"):
        assert f'name="{name}"' not in form
    assert 'name="session_id"' in form  # the view of sessions has another key, so they can't be picked


@pytest.mark.any_database
def test_sensitive_column_is_neither_shown_nor_exported(library: TestClient) -> None:
    book = add_book(library, "Notes", api_token="hush", cover=b"hush")

    assert listed_ids(library, "book") == [str(book.id)]
    pages = [library.get(f"/admin/book/{page}") for page in ("list", f"detail?pk={book.id}", f"edit?pk={book.id}")]
    for page in [*pages, export(library, "book", "csv"), export(library, "book", "json")]:
        assert page.status_code == 200
        assert "hush" not in page.text


@pytest.mark.any_database
def test_row_with_a_required_sensitive_column_cannot_be_created(library: TestClient) -> None:
    assert library.get("/admin/locker/list").status_code == 200
    assert library.get("/admin/locker/create").status_code == 403


@pytest.mark.any_database
def test_enum_choice_has_a_readable_label(library: TestClient) -> None:
    author = add_author(library, "Ada")
    add_book(library, "First", author_id=author.id, genre="science")

    for page in ("book/list", "book/create"):
        shown = page_text(library.get(f"/admin/{page}"))
        assert "Science" in shown
        assert "SCIENCE" not in shown


@pytest.mark.any_database
def test_rejected_form_shows_time_in_input_format(library: TestClient) -> None:
    author = add_author(library, "Ada")
    entered = {"title": "", "isbn": "1", "genre": "novel", "author": str(author.id), "bought_at": "2026-01-31T10:20:00"}

    rejected = save(library, "/admin/book/create", **entered)

    assert rejected.status_code == 422
    assert 'value="2026-01-31T10:20:00"' in rejected.text


def test_list_can_be_searched_and_filtered(library: TestClient) -> None:
    ada, bob = add_author(library, "Ada"), add_author(library, "Bob")
    first = add_book(library, "First", author_id=ada.id, genre="science", in_print=False)
    second = add_book(library, "Second", author_id=bob.id, isbn="A word", pages=200)

    assert listed_ids(library, "book") == [str(second.id), str(first.id)]
    assert listed_ids(library, "book", q="fir") == [str(first.id)]
    assert listed_ids(library, "book", q="a word") == [str(second.id)]
    assert listed_ids(library, "book", filter="genre__eq=science") == [str(first.id)]
    assert listed_ids(library, "book", filter="in_print__is_false") == [str(first.id)]
    assert listed_ids(library, "book", filter="pages__gt=100") == [str(second.id)]
    assert listed_ids(library, "book", filter="author__contains=ad") == [str(first.id)]
    assert listed_ids(library, "book", filter="reader__is_null") == [str(second.id), str(first.id)]


@pytest.mark.any_database
def test_unknown_row_is_not_found(library: TestClient) -> None:
    for page in ("detail?pk=junk", "edit?pk=00000000-0000-7000-8000-000000000000"):
        assert library.get(f"/admin/book/{page}").status_code == 404


@pytest.mark.parametrize(
    ("model", "title"), [("Author", "label"), ("Subject", "code"), ("Book", "isbn"), ("Copy", "shelf")]
)
@pytest.mark.any_database
def test_title_is_the_first_text_column(library: TestClient, model: str, title: str) -> None:
    assert library
    assert default_view(getattr(models(), model)).title_field == title


@pytest.mark.any_database
def test_schema_is_found_next_to_the_model(library: TestClient) -> None:
    assert library
    assert default_view(SampleNote).schema is SampleNoteUpdate
    assert default_view(models().Author).schema is None
    assert default_view(models().Locker).schema is None  # its schema requires a field that is not in the form


def test_attributes_of_a_subclass_take_precedence() -> None:
    class SampleNoteView(DefaultView):
        model = SampleNote
        title_field = "body"

    assert SampleNoteView.title_field == "body"
    assert SampleNoteView.fields == ("id", "title", "body", "owner", "created_at", "updated_at")
    assert SampleNoteView.exclude_fields_from_list == ("id", "body", "updated_at")


def books(library: TestClient) -> list[Any]:
    """Return all books."""

    async def read(session: AsyncSession) -> list[Any]:
        return list(await session.scalars(select(models().Book).order_by(models().Book.id)))

    return in_database(library, read)
