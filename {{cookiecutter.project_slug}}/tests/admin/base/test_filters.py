"""List filters by special characters and by referenced rows."""

import pytest
from starlette.testclient import TestClient

from tests.admin.browser import listed_ids, page_text
from tests.admin.factories import add_author, add_book, add_row, add_subjects, models

ODD = ["Smith, John", "a..b", 'say "a, b"', 'x "1..2" \\ y', "comma,name", "(a AND b)", "a=b, c", "ends with \\", '"q"']


def filter_of(lookup: str, value: str) -> str:
    """Return a filter in the format of the list's script."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'title__{lookup}="{quoted}"'


def test_filter_finds_text_with_special_characters(library: TestClient) -> None:
    books = {title: str(add_book(library, title).id) for title in ODD}

    for lookup in ("eq", "contains", "startswith"):
        found = {title: listed_ids(library, "book", filter=filter_of(lookup, title)) for title in ODD}
        assert found == {title: [book] for title, book in books.items()}


def test_unquoted_filter_text_with_a_comma_is_not_split(library: TestClient) -> None:
    book = add_book(library, "comma,name")

    assert listed_ids(library, "book", filter="title__eq=comma,name") == [str(book.id)]
    assert listed_ids(library, "book", filter="title__neq=comma,name") == []


@pytest.mark.any_database
def test_filter_is_shown_without_quotes_and_kept_when_another_is_removed(library: TestClient) -> None:
    add_book(library, "Smith, John", pages=3)

    shown = library.get("/admin/book/list", params={"filter": f"{filter_of('eq', 'Smith, John')} AND pages__eq=3"})

    assert "Title: Equal Smith, John" in " ".join(page_text(shown).split())
    assert "filter=title__eq%3D%22Smith%2C+John%22" in shown.text


def test_enum_filter_accepts_several_choices(library: TestClient) -> None:
    novel, science = (str(add_book(library, kind, genre=kind).id) for kind in ("novel", "science"))

    assert listed_ids(library, "book", filter="genre__in=novel,science") == [science, novel]
    assert listed_ids(library, "book", filter="genre__in=novel") == [novel]
    assert listed_ids(library, "book", filter='genre__in="novel"') == [novel]


def test_list_can_be_filtered_by_a_selected_row(library: TestClient) -> None:
    ada, bob = (add_author(library, name) for name in ("Ada", "Bob"))
    first, second = (add_book(library, author.name, author_id=author.id) for author in (ada, bob))
    (subject,) = add_subjects(library, second, "Maps")
    other = add_row(library, models().Subject(code="Other")).id

    assert listed_ids(library, "book", filter=f"author__is={ada.id}") == [str(first.id)]
    assert listed_ids(library, "book", filter=f"subjects__is={subject.id}") == [str(second.id)]
    assert listed_ids(library, "book", filter=f"subjects__is={other}") == []
    assert listed_ids(library, "book", filter=f"author__is={ada.id} OR (subjects__is={subject.id})") == [
        str(second.id),
        str(first.id),
    ]
    assert library.get("/admin/book/list?filter=author__is%3Djunk").status_code == 400


@pytest.mark.any_database
def test_filter_by_a_row_shows_its_title(library: TestClient) -> None:
    ada = add_author(library, "Ada")

    shown = library.get(f"/admin/book/list?filter=author__is%3D{ada.id}")

    assert "Author: Is Ada" in " ".join(page_text(shown).split())
    assert '"author": "/admin/_api/author/relation-lookup"' in shown.text
