"""Formats of imported files: encodings, delimiters, numbers, dates and references."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.factories import add_author, add_row, models
from tests.admin.import_helpers import books, import_errors, import_file, notes
from tests.support import in_database


def book_file(delimiter: str = ",", **columns: str) -> str:
    """Return a CSV file with a book by Ada and these cells."""
    cells = {"title": "Notes", "isbn": "1", "genre": "novel", "author": "Ada", **columns}
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([cells.keys(), cells.values()])
    return file.getvalue()


@pytest.mark.any_database
@pytest.mark.parametrize(
    "content",
    [
        pytest.param("title,owner\r\nMilk,{}\r\n", id="crlf"),
        pytest.param("title,owner\rMilk,{}\r", id="bare-cr"),
        pytest.param("title;owner\nMilk;{}\n", id="semicolons"),
        pytest.param("sep=;\r\ntitle;owner\r\nMilk;{}\r\n", id="declared"),
        pytest.param("title\towner\nMilk\t{}\n", id="tabs"),
        pytest.param(" TITLE ,Owner\nMilk,{}\n", id="any-case"),
        pytest.param("Title,Owner_ID\nMilk,{}\n", id="ids"),
        pytest.param('"title","owner",,\nMilk,{},,\n,,,\n , ,\n', id="empty-columns-and-rows"),
    ],
)
def test_delimiters_line_ends_and_encodings_are_detected(
    client: TestClient, browser: TestClient, ada: User, content: str
) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        preview = import_file(browser, content.format(ada.id).encode(encoding), preview="1").json()
        assert (preview["rows_total"], preview["errors"]) == (1, [])
    assert import_errors(import_file(browser, content.format(ada.id))) == []
    assert notes(client) == [("Milk", "", "ada@example.com")]


@pytest.mark.any_database
def test_windows_1252_is_read_when_selected(client: TestClient, browser: TestClient, ada: User) -> None:
    file = f"title,owner\nBücher: 5 €,{ada.id}\n".encode("cp1252")

    assert import_errors(import_file(browser, file, "sample-note", {"encoding": "cp1252"})) == []
    assert [title for title, _, _ in notes(client)] == ["Bücher: 5 €"]


@pytest.mark.any_database
@pytest.mark.parametrize("cell", ["yes", "NO", "1", "0", "x", "True", "false", "n"])
def test_booleans_are_read_in_any_spelling(library: TestClient, cell: str) -> None:
    add_author(library, "Ada")

    assert import_errors(import_file(library, book_file(in_print=cell), "catalogue")) == []
    assert [book.in_print for book in books(library)] == [cell in {"yes", "1", "x", "True"}]


@pytest.mark.any_database
def test_empty_cell_equals_a_missing_column(library: TestClient) -> None:
    add_author(library, "Ada")

    assert (
        import_errors(import_file(library, book_file(in_print="", pages="", price="", subjects=""), "catalogue")) == []
    )
    assert import_errors(import_file(library, book_file(title="Other"), "catalogue")) == []
    assert [(book.in_print, book.pages, book.price, book.subjects) for book in books(library)] == [
        (True, None, None, [])
    ] * 2


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("cells", "formats", "value"),
    [
        ({"price": "1.234,50"}, {"numbers": "comma"}, Decimal("1234.50")),
        ({"price": "-1 234,5"}, {"numbers": "comma"}, Decimal("-1234.50")),
        ({"price": "1,234.50"}, {"numbers": "point"}, Decimal("1234.50")),
        ({"price": "-5.00"}, {}, Decimal("-5.00")),
        ({"bought_at": "31.01.2026"}, {}, datetime(2026, 1, 31, tzinfo=UTC)),
        ({"bought_at": "31.1.2026 8:30:15"}, {}, datetime(2026, 1, 31, 8, 30, 15, tzinfo=UTC)),
        ({"bought_at": "2026-01-31 08:30:15.123456"}, {}, datetime(2026, 1, 31, 8, 30, 15, 123456, UTC)),
        ({"bought_at": "2026-01-31 08:30 UTC"}, {}, datetime(2026, 1, 31, 8, 30, tzinfo=UTC)),
        ({"bought_at": "1/2/2026"}, {"dates": "mdy"}, datetime(2026, 1, 2, tzinfo=UTC)),
        ({"bought_at": "1/2/2026"}, {"dates": "dmy"}, datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
def test_numbers_and_dates_are_read_in_the_selected_format(
    library: TestClient, cells: dict[str, str], formats: dict[str, str], value: object
) -> None:
    add_author(library, "Ada")

    assert import_errors(import_file(library, book_file(";", **cells), "catalogue", formats)) == []
    assert [getattr(book, name) for name in cells for book in books(library)] == [value]


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"pages": "12,5"}, "Enter a whole number like 1234."),
        ({"price": "€12.50"}, "Enter a number like 1234.50, or choose another number format."),
        ({"price": "1,5"}, "Enter a number like 1234.50, or choose another number format."),
        (
            {"bought_at": "1/31/2026"},
            "Enter a date and time like 2026-01-31 08:30, or choose another date format.",
        ),
        ({"in_print": "WAHR"}, "Enter yes or no."),
        ({"genre": "poem"}, "Choose one of: novel, science."),
        ({"facts": "{"}, 'Enter JSON, such as {"color": "red"}.'),
    ],
)
def test_error_shows_a_valid_example(library: TestClient, cells: dict[str, str], expected: str) -> None:
    add_author(library, "Ada")
    [(name, cell)] = cells.items()

    response = import_file(library, book_file(**cells), "catalogue", preview="1")

    assert import_errors(response) == [(2, name, f"“{cell}” is invalid. {expected}")]
    assert response.json()["rows_new"] == 0


@pytest.mark.any_database
def test_preview_shows_normalized_values(library: TestClient) -> None:
    add_author(library, "Ada")
    file = book_file(";", isbn="'=1", in_print="x", price="1.234,50", bought_at="31.1.2026")

    [row] = import_file(library, file, "catalogue", {"numbers": "comma"}, preview="1").json()["sample"]

    assert row["cells"] == {
        "title": "Notes",
        "isbn": "'=1 → =1",
        "genre": "novel",
        "author": "Ada",
        "in_print": "x → true",
        "price": "1.234,50 → 1234.50",
        "bought_at": "31.1.2026 → 2026-01-31T00:00",
    }


@pytest.mark.any_database
def test_unknown_and_ambiguous_references_are_reported(library: TestClient) -> None:
    author, twin = add_author(library, "Ada"), add_author(library, "Twin")

    async def rename(session: AsyncSession) -> None:
        (await session.merge(twin)).label = "Ada"

    in_database(library, rename)
    errors = import_errors(import_file(library, book_file(author="Bob"), "catalogue"))
    assert errors == [(2, "author", "No author is called “Bob”.")]
    errors = import_errors(import_file(library, book_file(author="Twin", author_id=str(author.id)), "catalogue"))
    assert errors[0][2].startswith("The name and the ID refer to different records.")
    assert import_errors(import_file(library, book_file(author="", author_id=str(author.id)), "catalogue")) != []
    assert import_errors(import_file(library, book_file(author_id=str(author.id)), "catalogue")) == []


@pytest.mark.any_database
def test_duplicate_references_in_a_cell_count_once(library: TestClient) -> None:
    add_author(library, "Ada")
    add_row(library, models().Subject(code="maths"))

    assert import_errors(import_file(library, book_file(subjects="maths\nmaths"), "catalogue", preview="1")) == []
    assert import_errors(import_file(library, book_file(subjects="maths\nmaths"), "catalogue")) == []
    assert [[subject.code for subject in book.subjects] for book in books(library)] == [["maths"]]
