"""Imports: all rows or none, validated like forms, with readable errors for invalid files."""

import csv
import io
import logging
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload
from starlette.testclient import TestClient
from starlette_admin.exceptions import FormValidationError

from app.accounts.models import User
from tests.admin.audit_log import recorded_events
from tests.admin.browser import csrf_token, export, listed_ids, save
from tests.admin.factories import add_author, add_book, add_row, models
from tests.admin.import_helpers import import_errors, import_file, note_file, notes
from tests.query_counts import capture_statements
from tests.sample.sample_notes.admin import SampleNoteView
from tests.sample.sample_notes.models import SampleNote
from tests.support import add_user, in_database
from tests.web.browser import open_browser

HEAD = "title,body,owner\n"


def test_rows_are_previewed_and_then_imported(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    file = "\ufeff" + note_file((" Milk ", "Two\r\nbottles", ada.id), ("=1+1", "", bob.email))

    preview = import_file(browser, file, preview="1").json()
    before = notes(client)
    response = import_file(browser, file).json()

    assert preview["rows_total"] == preview["rows_new"] == 2
    assert preview["sample"][0]["cells"] == {"title": " Milk ", "body": "Two\r\nbottles", "owner": str(ada.id)}
    assert before == []
    assert (response["rows_created"], response["errors"]) == (2, [])
    assert notes(client) == [("=1+1", "", "bob@example.com"), ("Milk", "Two\nbottles", "ada@example.com")]


def test_exported_file_can_be_imported(client: TestClient, browser: TestClient, ada: User) -> None:
    import_file(browser, note_file(("Milk", "Two bottles", ada.id)))
    exported = export(browser, "sample-note", "csv").text.replace("Milk", "Bread")

    preview = import_file(browser, exported, preview="1").json()
    response = import_file(browser, exported)

    assert {"ID", "Created at"} <= {*preview["unmatched_headers"]}
    assert import_errors(response) == []
    assert [title for title, _, _ in notes(client)] == ["Bread", "Milk"]


def test_all_invalid_rows_are_reported_and_none_is_imported(client: TestClient, browser: TestClient, ada: User) -> None:
    import_file(browser, note_file(("Stored", "", ada.id)))
    file = note_file(
        ("Good", "", ada.id),
        ("", "", ada.id),
        ("Nobody's", "", ""),
        ("Stranger's", "", "nobody@example.com"),
        ("Stored", "", ada.email),
        ("Twice", "", ada.id),
        ("Twice", "", ada.id),
        ("a\x00b", "", ada.id),
        ("x" * 201, "", ada.id),
        ("Long", "x" * 50_001, ada.id),
    )

    responses = [import_file(browser, file, preview="1"), import_file(browser, file)]

    for response in responses:
        assert [(row, field) for row, field, _ in import_errors(response)] == [
            (3, "title"),
            (4, "owner"),
            (5, "owner"),
            (6, "title"),
            (8, "title"),
            (9, "title"),
            (10, "title"),
            (11, "body"),
        ]
        assert {message for _, _, message in import_errors(response)} == {
            "This field is required.",
            "No user is called “nobody@example.com”.",
            "This value is already in use.",
            "This contains an unsupported character.",
            "Use at most 200 characters.",
            "Use at most 50000 characters.",
        }
        assert "SELECT" not in response.text
    preview = responses[0].json()
    assert [row["status"] for row in preview["sample"][:3]] == ["new", "error", "error"]
    assert preview["rows_new"] == preview["rows_total"] - 8
    assert responses[1].json()["rows_created"] == 0
    assert [title for title, _, _ in notes(client)] == ["Stored"]


@pytest.mark.any_database
def test_title_is_unique_per_owner(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    assert import_errors(import_file(browser, note_file(("Milk", "", ada.id), ("Milk", "", bob.id)))) == []
    assert len(notes(client)) == 2


def test_taken_combination_is_an_error_of_each_field(library: TestClient) -> None:
    for title in ("One", "Two"):
        add_book(library, title)
    message = "This combination is already in use."

    errors = import_errors(import_file(library, "book,shelf\nOne,A\nTwo,A\nOne,A\n", "loan"))
    assert import_errors(import_file(library, "book,shelf\nOne,A\nTwo,A\n", "loan")) == []
    again = import_errors(import_file(library, "book,shelf\nTwo,B\nTwo,A\n", "loan"))

    assert errors == [(4, "book", message), (4, "shelf", message)]
    assert again == [(3, "book", message), (3, "shelf", message)]


@pytest.mark.any_database
def test_comparison_that_is_not_met_is_an_error_of_its_field(library: TestClient) -> None:
    add_book(library, "One")

    errors = import_errors(import_file(library, "book,shelf,lent\nOne,A,99\nOne,B,100\n", "loan"))

    assert errors == [(3, "lent", "Must be less than 100.")]


@pytest.mark.any_database
def test_missing_column_gets_the_default_value(client: TestClient, browser: TestClient, ada: User) -> None:
    assert import_errors(import_file(browser, f"title,owner\nMilk,{ada.id}\n")) == []
    assert notes(client) == [("Milk", "", "ada@example.com")]
    assert import_errors(import_file(browser, f"body,owner\nMilk,{ada.id}\n")) == [
        (2, "title", "This field is required.")
    ]


@pytest.mark.any_database
def test_readonly_columns_are_ignored(client: TestClient, browser: TestClient, ada: User) -> None:
    key = "00000000-0000-7000-8000-000000000000"
    file = f"id,version,created_at,title,owner\n{key},9,2001-01-01T00:00,Milk,{ada.id}\n"

    assert import_errors(import_file(browser, file)) == []

    async def read(session: AsyncSession) -> Any:
        return await session.scalar(select(SampleNote))

    note = in_database(client, read)
    assert (note.version, note.owner_id) == (1, ada.id)
    assert str(note.id) != key
    assert note.created_at.year > 2001


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "The file has no rows", id="empty"),
        pytest.param(HEAD, "The file has no rows", id="only-names"),
        pytest.param("Bücher".encode("latin-1"), "Line 1 is not valid UTF-8.", id="latin-1"),
        pytest.param(b"\xff\xfetitle!!", "Line 1 is not valid UTF-16.", id="half-utf-16"),
        pytest.param(b"PK\x03\x04" + bytes(40), "This is an Excel file, not CSV.", id="xlsx"),
        pytest.param(",".join(["a"] * 400_000) + "\n", "The file has 400,000 columns.", id="many-columns"),
        pytest.param(f"{HEAD}Milk\n", "Row 2 has 1 cell, but the header has 3.", id="few-cells"),
        pytest.param(f"{HEAD}{',' * 400_000}x\n", "Row 2 has 400,001 cells", id="many-cells"),
        pytest.param("title,title\na,b\n", "Duplicate column name: title.", id="same-name"),
        pytest.param("title,Title\na,b\n", "Duplicate column “Title”. Remove one of them.", id="same-field"),
        pytest.param("title,,owner\na,b,c\n", "Column 2 has no name in the header.", id="no-name"),
        pytest.param(f'{HEAD}"Milk,,\n', "The last cell starts with a quote that", id="open-quote"),
        pytest.param(f'{HEAD}"Mi"lk,,\n', "Line 2 has text after a closing quote", id="text-after-quote"),
        pytest.param("title\n" + "x" * 200_000, "Line 2 has a cell with more than 131,072 characters", id="huge-cell"),
        pytest.param(
            "title\n" + "x\n" * 10_001, "The file has 10,001 rows. Import at most 10,000 at once.", id="many-rows"
        ),
        pytest.param("title\n" + "x" * 1_000_000, "The file has 1,000,006 bytes.", id="large"),
    ],
)
def test_invalid_file_returns_readable_error(browser: TestClient, content: str | bytes, message: str) -> None:
    for query in ({"preview": "1"}, {}):
        response = import_file(browser, content, **query)

        assert response.status_code == 400
        assert message in response.json()["error"]


@pytest.mark.any_database
@pytest.mark.parametrize("content", ["a,b\n1,2\n", "\x00\n\x00\n", "=title\nMilk\n"])
def test_file_without_known_columns_returns_readable_error(browser: TestClient, content: str) -> None:
    assert import_errors(import_file(browser, content)) == [(1, None, "No column matches a field name.")]


@pytest.mark.any_database
def test_import_is_denied_for_views_without_importers(browser: TestClient) -> None:
    for view in ("user", "role", "session", "event"):
        assert import_file(browser, "email\na@example.com\n", view).status_code == 403
        assert "modal-import" not in browser.get(f"/admin/{view}/list").text


@pytest.mark.any_database
def test_import_requires_permission_and_csrf_token(client: TestClient, browser: TestClient, ada: User) -> None:
    attacker = open_browser(client, add_user(client, "eve@example.com"))
    file = {"file": ("notes.csv", note_file(("Milk", "", ada.id)), "text/csv")}
    forged = browser.post("/admin/_api/sample-note/import", data={"format": "csv"}, files=file)
    refused = attacker.post("/admin/_api/sample-note/import", data={"format": "csv"}, files=file)

    assert (forged.status_code, refused.status_code) == (403, 403)
    assert notes(client) == []


@pytest.mark.any_database
def test_other_formats_are_rejected(browser: TestClient) -> None:
    token = csrf_token(browser)
    for form in ({"format": "json"}, {}):
        response = browser.post("/admin/_api/sample-note/import", data=form, headers={"X-CSRFToken": token})
        assert response.status_code == 400


@pytest.mark.any_database
def test_import_dialog_lists_columns_and_limits(browser: TestClient) -> None:
    page = browser.get("/admin/sample-note/list").text

    assert "title*, body, owner*" in page
    assert "10,000 rows" in page
    assert "1000 kB" in page


def test_values_of_every_type_are_imported(library: TestClient) -> None:
    ada, _ = add_author(library, "Ada"), add_author(library, "Twin")
    for code in ("maths", "machines"):
        add_row(library, models().Subject(code=code))
    file = io.StringIO()
    row = {"title": "Notes", "isbn": "1", "genre": "science", "in_print": "no", "pages": "12", "price": "9.50"}
    csv.writer(file).writerows(zip(*{**row, "author": "Ada", "subjects": "maths\nmachines"}.items(), strict=True))

    assert import_errors(import_file(library, file.getvalue(), "catalogue")) == []

    async def read(session: AsyncSession) -> Any:
        query = select(models().Book).options(selectinload(models().Book.subjects))
        return (await session.scalars(query)).one()

    book = in_database(library, read)
    assert (book.genre, book.in_print, book.pages, book.price) == ("science", False, 12, Decimal("9.50"))
    assert (book.author_id, {subject.code for subject in book.subjects}) == (ada.id, {"maths", "machines"})
    assert (book.size, book.summary, book.reader_id) == ("octavo", "", None)


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("genre", "poem"),
        ("genre", ""),
        ("in_print", "perhaps"),
        ("pages", "many"),
        ("pages", "1e400"),
        ("pages", "9" * 5_000),
        ("price", "NaN"),
        ("title", "No"),
        ("author", "Nobody"),
        ("subjects", "maths\nnothing"),
        ("session_id", "junk"),
    ],
)
def test_invalid_value_is_reported_with_its_row(library: TestClient, column: str, cell: str) -> None:
    add_author(library, "Ada")
    row = {"title": "Notes", "isbn": "1", "genre": "novel", "author": "Ada", column: cell}
    file = io.StringIO()
    csv.writer(file).writerows(zip(*row.items(), strict=True))

    response = import_file(library, file.getvalue(), "catalogue")

    assert [(number, field) for number, field, _ in import_errors(response)] == [(2, column)]
    assert listed_ids(library, "catalogue") == []


def test_many_rows_are_imported(client: TestClient, browser: TestClient, ada: User) -> None:
    rows = [(f"Note {number}", "x", ada.email) for number in range(600)]  # more than one chunk

    response = import_file(browser, note_file(*rows)).json()

    assert response["rows_created"] == len(notes(client)) == 600


def test_preview_reports_errors_of_save_hooks(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise FormValidationError({"title": "Not today."})

    monkeypatch.setattr(SampleNoteView, "after_create", refuse)

    for query in ({"preview": "1"}, {}):
        assert [
            message for _, _, message in import_errors(import_file(browser, note_file(("Milk", "", ada.id)), **query))
        ] == ["Not today."]
    assert notes(client) == []


def test_unexpected_error_in_import_is_logged(
    client: TestClient,
    browser: TestClient,
    ada: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(SampleNoteView, "before_create", fail)

    assert import_file(browser, note_file(("Milk", "", ada.id))).status_code == 500
    assert "ZeroDivisionError" in caplog.text
    assert notes(client) == []
    assert logging.getLogger("starlette_admin").isEnabledFor(logging.WARNING)


@pytest.mark.any_database
def test_input_that_cannot_be_parsed_is_not_logged(library: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    add_author(library, "Ada")
    file = "title,isbn,genre,author,pages,price,weight\nNotes,1,novel,Ada,private pages,private price,private weight\n"

    errors = import_errors(import_file(library, file, "catalogue"))
    form = save(library, "/admin/book/create", pages="private pages", price="private price", bought_at="private date")
    logging.getLogger("starlette_admin.fields").error("something else")

    assert [field for _, field, _ in errors] == ["pages", "price", "weight"]
    assert form.status_code == 422
    assert "private" not in caplog.text
    assert "something else" in caplog.text


def test_rows_can_refer_to_rows_of_the_same_file(library: TestClient) -> None:
    file = "name,parent\nLeaf,Branch\nBranch,Root\nRoot,\n"
    loop = "name,parent\nA,B\nB,A\n"

    errors = import_errors(import_file(library, loop, "shelf-mark"))
    assert import_errors(import_file(library, file, "shelf-mark")) == []

    async def read(session: AsyncSession) -> dict[str, str | None]:
        mark = models().Mark
        rows = {row.id: row for row in await session.scalars(select(mark))}
        return {row.name: rows[row.parent_id].name if row.parent_id else None for row in rows.values()}

    assert {message for _, _, message in errors} == {"A record can't be its own ancestor."}
    assert in_database(library, read) == {"Leaf": "Branch", "Branch": "Root", "Root": None}


def test_import_inserts_events_in_batches(client: TestClient, browser: TestClient, ada: User) -> None:
    content = note_file(*((f"Note {number}", "", ada.email) for number in range(200)))

    with capture_statements(client) as statements:
        import_file(browser, content)

    assert len([sql for sql, _ in statements if sql.startswith("INSERT")]) == 3  # notes, events, the file
    assert len(recorded_events(client, "data_created")) == 200
