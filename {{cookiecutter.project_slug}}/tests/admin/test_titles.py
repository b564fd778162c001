"""Titles of rows, and model and ID for rows whose title is empty or hidden."""

import pytest
from starlette.testclient import TestClient

from app.admin.base.permissions import GuardedView
from tests.admin.browser import export, listed_ids, page_text, run_row_action
from tests.admin.factories import add_book, add_row, models
from tests.admin.import_helpers import import_errors, import_file


@pytest.mark.parametrize("label", ["", " "])
def test_row_with_an_empty_title_is_named_by_model_and_id(library: TestClient, label: str) -> None:
    author = add_row(library, models().Author(name="Ada", label=label))
    book = add_book(library, "", author_id=author.id)
    add_row(library, models().Locker(place="Hall", key_hash="0", author_id=author.id))
    named = f"Author {author.id}"

    assert f'<h1 class="detail-title">{named}</h1>' in library.get(f"/admin/author/detail?pk={author.id}").text
    for page in ("book/list", f"book/detail?pk={book.id}", f"book/edit?pk={book.id}"):
        assert named in page_text(library.get(f"/admin/{page}"))
    assert named in library.get("/admin/_api/author/relation-lookup").text
    assert f"Book {book.id}" in page_text(library.get(f"/admin/writer/edit?pk={author.id}"))
    rejected = run_row_action(library, "author", "delete", author.id)
    assert rejected.json()["msg"] == f'Can\'t delete "{named}": 1 locker still refers to this author.'


def test_row_without_a_title_field_is_named_by_model_and_id(library: TestClient) -> None:
    (session,) = listed_ids(library, "session")

    assert (
        f'<h1 class="detail-title">Auth session {session}</h1>'
        in library.get(f"/admin/session/detail?pk={session}").text
    )


def test_row_with_a_hidden_title_is_named_by_model_and_id(library: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    author = add_row(library, models().Author(name="Ada", label="Secret"))
    monkeypatch.setattr(GuardedView, "can_view_field", lambda _, __, name: name != "label")

    shown = library.get(f"/admin/author/detail?pk={author.id}").text

    assert f'<h1 class="detail-title">Author {author.id}</h1>' in shown
    assert "Secret" not in shown


@pytest.mark.parametrize("choices", [{}, {"match": "id"}])
def test_reference_to_a_row_without_a_title_is_exported_by_id(library: TestClient, choices: dict[str, str]) -> None:
    author = add_row(library, models().Author(name="Ada", label=""))
    add_book(library, "Mine", author_id=author.id)

    file = export(library, "catalogue", "csv").content
    response = import_file(library, file, "catalogue", choices)

    assert f"Author {author.id}" not in file.decode()
    assert import_errors(response) == []
