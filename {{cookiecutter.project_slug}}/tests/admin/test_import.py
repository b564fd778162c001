"""Importing: all rows of a file or none, as strictly as forms, and words for every file that makes no sense."""

import csv
import io
import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload
from starlette.testclient import TestClient
from starlette_admin.exceptions import FormValidationError

from app.accounts.models import User
from tests.admin.driving import csrf_token, export, listed
from tests.admin.shelves import add, add_author, models
from tests.admin.staff import events
from tests.sample.sample_notes.admin import SampleNoteView
from tests.sample.sample_notes.models import SampleNote
from tests.support import add_user, in_database
from tests.web.browsing import open_browser

HEAD = "title,body,owner\n"


def send(
    browser: TestClient,
    content: str | bytes,
    view: str = "sample-note",
    choices: dict[str, str] | None = None,
    /,
    **query: str,
) -> Response:
    """Import a file as the admin's script does; `preview="1"` only shows what would happen."""
    return browser.post(
        f"/admin/_api/{view}/import",
        params=query,
        data={"format": "csv", **(choices or {})},
        files={"file": ("notes.csv", content if isinstance(content, bytes) else content.encode(), "text/csv")},
        headers={"X-CSRFToken": csrf_token(browser)},
    )


def notes(client: TestClient) -> list[tuple[str, str, str]]:
    """Return the title, the body and the owner of every note, in the order of their titles."""

    async def read(session: AsyncSession) -> list[tuple[str, str, str]]:
        query = select(SampleNote.title, SampleNote.body, User.email).join(SampleNote.owner).order_by(SampleNote.title)
        return [(*row,) for row in await session.execute(query)]

    return in_database(client, read)


def table(*rows: tuple[object, ...]) -> str:
    """Return a file with these rows of title, body and owner."""
    file = io.StringIO()
    csv.writer(file).writerows([("title", "body", "owner"), *rows])
    return file.getvalue()


def problems(answer: Response) -> list[tuple[int, str | None, str]]:
    """Return the row, the field and the words of each problem."""
    assert answer.status_code == 200, answer.text
    return [(error["row"], error["field"], error["message"]) for error in answer.json()["errors"]]


def test_rows_are_previewed_and_then_stored(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    file = "\ufeff" + table((" Milk ", "Two\r\nbottles", ada.id), ("=1+1", "", bob.email))

    preview = send(browser, file, preview="1").json()
    before = notes(client)
    answer = send(browser, file).json()

    assert preview["rows_total"] == preview["rows_new"] == 2
    assert preview["sample"][0]["cells"] == {"title": " Milk ", "body": "Two\r\nbottles", "owner": str(ada.id)}
    assert before == []
    assert (answer["rows_created"], answer["errors"]) == (2, [])
    assert notes(client) == [("=1+1", "", "bob@example.com"), ("Milk", "Two\nbottles", "ada@example.com")]


def test_what_is_exported_can_be_imported(client: TestClient, browser: TestClient, ada: User) -> None:
    send(browser, table(("Milk", "Two bottles", ada.id)))
    exported = export(browser, "sample-note", "csv").text.replace("Milk", "Bread")

    preview = send(browser, exported, preview="1").json()
    answer = send(browser, exported)

    assert {"Id", "Created at"} <= {*preview["unmatched_headers"]}
    assert problems(answer) == []
    assert [title for title, _, _ in notes(client)] == ["Bread", "Milk"]


def test_one_wrong_row_refuses_all_and_is_told(client: TestClient, browser: TestClient, ada: User) -> None:
    send(browser, table(("Stored", "", ada.id)))
    file = table(
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

    answers = [send(browser, file, preview="1"), send(browser, file)]

    for answer in answers:
        assert [(row, field) for row, field, _ in problems(answer)] == [
            (3, "title"),
            (4, "owner"),
            (5, "owner"),
            (6, "title"),
            (8, "title"),
            (9, "title"),
            (10, "title"),
            (11, "body"),
        ]
        assert {message for _, _, message in problems(answer)} == {
            "This field is required.",
            "None of the users is called “nobody@example.com”.",
            "This is taken.",
            "This has a character that cannot be stored.",
            "Use at most 200 characters.",
            "Please use at most 50000 characters.",
        }
        assert "SELECT" not in answer.text
    assert [row["status"] for row in answers[0].json()["sample"][:3]] == ["new", "error", "error"]
    assert answers[1].json()["rows_created"] == 0
    assert [title for title, _, _ in notes(client)] == ["Stored"]


@pytest.mark.any_database
def test_same_title_of_another_owner_is_not_taken(
    client: TestClient, browser: TestClient, ada: User, bob: User
) -> None:
    assert problems(send(browser, table(("Milk", "", ada.id), ("Milk", "", bob.id)))) == []
    assert len(notes(client)) == 2


@pytest.mark.any_database
def test_column_that_is_missing_or_deselected_has_its_default(
    client: TestClient, browser: TestClient, ada: User
) -> None:
    assert problems(send(browser, f"title,owner\nMilk,{ada.id}\n")) == []
    assert notes(client) == [("Milk", "", "ada@example.com")]
    assert problems(send(browser, f"body,owner\nMilk,{ada.id}\n")) == [(2, "title", "This field is required.")]


@pytest.mark.any_database
def test_columns_that_no_form_has_are_left_out(client: TestClient, browser: TestClient, ada: User) -> None:
    key = "00000000-0000-7000-8000-000000000000"
    file = f"id,version,created_at,title,owner\n{key},9,2001-01-01T00:00,Milk,{ada.id}\n"

    assert problems(send(browser, file)) == []

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
        pytest.param("Bücher".encode("latin-1"), "Line 1 has characters that are not UTF-8.", id="latin-1"),
        pytest.param(b"\xff\xfetitle!!", "Line 1 has characters that are not UTF-16.", id="half-utf-16"),
        pytest.param(b"PK\x03\x04" + bytes(40), "This is a workbook, not a CSV file.", id="xlsx"),
        pytest.param(",".join(["a"] * 400_000) + "\n", "The file has 400,000 columns.", id="many-columns"),
        pytest.param(f"{HEAD}Milk\n", "Row 2 has 1 cell, and the first row has 3.", id="few-cells"),
        pytest.param(f"{HEAD}{',' * 400_000}x\n", "Row 2 has 400,001 cells", id="many-cells"),
        pytest.param("title,title\na,b\n", "Two columns have the same name: title.", id="same-name"),
        pytest.param("title,Title\na,b\n", "Two columns are “Title”. Keep one of them.", id="same-field"),
        pytest.param("title,,owner\na,b,c\n", "Column 2 has no name in the first row.", id="no-name"),
        pytest.param(f'{HEAD}"Milk,,\n', "cannot be read", id="open-quote"),
        pytest.param(f'{HEAD}"Mi"lk,,\n', "cannot be read", id="text-after-quote"),
        pytest.param("title\n" + "x" * 200_000, "cannot be read", id="huge-cell"),
        pytest.param(
            "title\n" + "x\n" * 5_001, "The file has 5,001 rows. Import at most 5,000 at once.", id="many-rows"
        ),
        pytest.param("title\n" + "x" * 1_000_000, "The file has 1,000,006 bytes.", id="large"),
    ],
)
def test_file_that_is_no_table_is_refused_in_words(browser: TestClient, content: str | bytes, message: str) -> None:
    for query in ({"preview": "1"}, {}):
        answer = send(browser, content, **query)

        assert answer.status_code == 400
        assert message in answer.json()["error"]


@pytest.mark.any_database
@pytest.mark.parametrize("content", ["a,b\n1,2\n", "\x00\n\x00\n", "=title\nMilk\n"])
def test_file_without_a_known_column_is_refused_in_words(browser: TestClient, content: str) -> None:
    assert problems(send(browser, content)) == [(1, None, "No column has the name of a field.")]


@pytest.mark.any_database
def test_view_that_does_not_offer_it_refuses(browser: TestClient) -> None:
    for view in ("user", "role", "session", "event"):
        assert send(browser, "email\na@example.com\n", view).status_code == 403
        assert "modal-import" not in browser.get(f"/admin/{view}/list").text


@pytest.mark.any_database
def test_who_is_no_admin_cannot_import(client: TestClient, browser: TestClient, ada: User) -> None:
    stranger = open_browser(client, add_user(client, "eve@example.com"))
    file = {"file": ("notes.csv", table(("Milk", "", ada.id)), "text/csv")}
    forged = browser.post("/admin/_api/sample-note/import", data={"format": "csv"}, files=file)
    refused = stranger.post("/admin/_api/sample-note/import", data={"format": "csv"}, files=file)

    assert (forged.status_code, refused.status_code) == (403, 403)
    assert notes(client) == []


@pytest.mark.any_database
def test_other_formats_are_refused(browser: TestClient) -> None:
    token = csrf_token(browser)
    for form in ({"format": "json"}, {}):
        answer = browser.post("/admin/_api/sample-note/import", data=form, headers={"X-CSRFToken": token})
        assert answer.status_code == 400


@pytest.mark.any_database
def test_list_says_what_a_file_may_have(browser: TestClient) -> None:
    page = browser.get("/admin/sample-note/list").text

    assert "title*, body, owner*" in page
    assert "5,000 rows" in page


def test_values_of_every_kind_are_read(library: TestClient) -> None:
    ada, _ = add_author(library, "Ada"), add_author(library, "Twin")
    for code in ("maths", "machines"):
        add(library, models().Subject(code=code))
    file = io.StringIO()
    row = {"title": "Notes", "isbn": "1", "genre": "science", "in_print": "no", "pages": "12", "price": "9.50"}
    csv.writer(file).writerows(zip(*{**row, "author": "Ada", "subjects": "maths\nmachines"}.items(), strict=True))

    assert problems(send(library, file.getvalue(), "catalogue")) == []

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
def test_value_that_cannot_be_stored_is_told_with_its_row(library: TestClient, column: str, cell: str) -> None:
    add_author(library, "Ada")
    row = {"title": "Notes", "isbn": "1", "genre": "novel", "author": "Ada", column: cell}
    file = io.StringIO()
    csv.writer(file).writerows(zip(*row.items(), strict=True))

    answer = send(library, file.getvalue(), "catalogue")

    assert [(number, field) for number, field, _ in problems(answer)] == [(2, column)]
    assert listed(library, "catalogue") == []


def test_many_rows_are_stored(client: TestClient, browser: TestClient, ada: User) -> None:
    rows = [(f"Note {number}", "x", ada.email) for number in range(600)]  # more than are stored at once

    answer = send(browser, table(*rows)).json()

    assert answer["rows_created"] == len(notes(client)) == 600


def read_notes(client: TestClient) -> list[SampleNote]:
    """Return every note, in the order of their titles."""

    async def read(session: AsyncSession) -> list[SampleNote]:
        return list(await session.scalars(select(SampleNote).order_by(SampleNote.title)))

    return in_database(client, read)


def books(library: TestClient) -> list[Any]:
    """Return every book with its subjects and its author, in the order of their titles."""

    async def read(session: AsyncSession) -> list[Any]:
        book = models().Book
        query = select(book).options(selectinload(book.subjects), selectinload(book.author)).order_by(book.title)
        return list(await session.scalars(query))

    return in_database(library, read)


def book_file(delimiter: str = ",", **columns: str) -> str:
    """Return a file of one book by Ada, with these cells."""
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
def test_files_are_read_as_spreadsheets_write_them(
    client: TestClient, browser: TestClient, ada: User, content: str
) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        told = send(browser, content.format(ada.id).encode(encoding), preview="1").json()
        assert (told["rows_total"], told["errors"]) == (1, [])
    assert problems(send(browser, content.format(ada.id))) == []
    assert notes(client) == [("Milk", "", "ada@example.com")]


@pytest.mark.any_database
def test_windows_1252_is_read_when_it_is_chosen(client: TestClient, browser: TestClient, ada: User) -> None:
    file = f"title,owner\nBücher: 5 €,{ada.id}\n".encode("cp1252")

    assert problems(send(browser, file, "sample-note", {"encoding": "cp1252"})) == []
    assert [title for title, _, _ in notes(client)] == ["Bücher: 5 €"]


@pytest.mark.any_database
@pytest.mark.parametrize("said", ["yes", "NO", "1", "0", "x", "True", "false", "n"])
def test_yes_and_no_are_read_in_any_spelling(library: TestClient, said: str) -> None:
    add_author(library, "Ada")

    assert problems(send(library, book_file(in_print=said), "catalogue")) == []
    assert [book.in_print for book in books(library)] == [said in {"yes", "1", "x", "True"}]


@pytest.mark.any_database
def test_empty_cell_is_read_like_a_missing_column(library: TestClient) -> None:
    add_author(library, "Ada")

    assert problems(send(library, book_file(in_print="", pages="", price="", subjects=""), "catalogue")) == []
    assert problems(send(library, book_file(title="Other"), "catalogue")) == []
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
def test_numbers_and_dates_are_read_as_chosen(
    library: TestClient, cells: dict[str, str], formats: dict[str, str], value: object
) -> None:
    add_author(library, "Ada")

    assert problems(send(library, book_file(";", **cells), "catalogue", formats)) == []
    assert [getattr(book, name) for name in cells for book in books(library)] == [value]


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"pages": "12,5"}, "Enter a whole number like 1234."),
        ({"price": "€12.50"}, "Enter a number like 1234.50, or choose how the file writes numbers."),
        ({"price": "1,5"}, "Enter a number like 1234.50, or choose how the file writes numbers."),
        (
            {"bought_at": "1/31/2026"},
            "Enter a date and time like 2026-01-31 08:30, or choose how the file writes dates.",
        ),
        ({"in_print": "WAHR"}, "Enter yes or no."),
        ({"genre": "poem"}, "Enter one of: novel, science."),
        ({"facts": "{"}, 'Enter JSON, such as {"color": "red"}.'),
    ],
)
def test_refusal_says_what_would_be_read(library: TestClient, cells: dict[str, str], expected: str) -> None:
    add_author(library, "Ada")
    [(name, cell)] = cells.items()

    answer = send(library, book_file(**cells), "catalogue", preview="1")

    assert problems(answer) == [(2, name, f"“{cell}” cannot be read. {expected}")]
    assert answer.json()["rows_new"] == 0


@pytest.mark.any_database
def test_reference_says_how_many_rows_it_names(library: TestClient) -> None:
    author, twin = add_author(library, "Ada"), add_author(library, "Twin")

    async def rename(session: AsyncSession) -> None:
        (await session.merge(twin)).label = "Ada"

    in_database(library, rename)
    told = problems(send(library, book_file(author="Bob"), "catalogue"))
    assert told == [(2, "author", "None of the authors is called “Bob”.")]
    told = problems(send(library, book_file(author="Twin", author_id=str(author.id)), "catalogue"))
    assert told[0][2].startswith("The name and the id are of different rows.")
    assert problems(send(library, book_file(author="", author_id=str(author.id)), "catalogue")) != []
    assert problems(send(library, book_file(author_id=str(author.id)), "catalogue")) == []


@pytest.mark.any_database
def test_row_named_twice_in_a_cell_is_referred_to_once(library: TestClient) -> None:
    add_author(library, "Ada")
    add(library, models().Subject(code="maths"))

    assert problems(send(library, book_file(subjects="maths\nmaths"), "catalogue", preview="1")) == []
    assert problems(send(library, book_file(subjects="maths\nmaths"), "catalogue")) == []
    assert [[subject.code for subject in book.subjects] for book in books(library)] == [["maths"]]


def test_preview_refuses_what_only_the_database_refuses(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise FormValidationError({"title": "Not today."})

    monkeypatch.setattr(SampleNoteView, "after_create", refuse)

    for query in ({"preview": "1"}, {}):
        assert [said for _, _, said in problems(send(browser, table(("Milk", "", ada.id)), **query))] == ["Not today."]
    assert notes(client) == []


def test_bug_in_an_import_is_in_the_log(
    client: TestClient,
    browser: TestClient,
    ada: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(SampleNoteView, "before_create", fail)

    assert send(browser, table(("Milk", "", ada.id))).status_code == 500
    assert "ZeroDivisionError" in caplog.text
    assert notes(client) == []
    assert logging.getLogger("starlette_admin").isEnabledFor(logging.WARNING)


AWKWARD = ["+1+1", "=1+1", "'=1", "-5.00", ' "quoted", text; =2', "Bücher\tTab", "a\nb", "two\r\nlines", "@x", "''+1"]


@pytest.mark.parametrize("match", ["", "id"])
def test_exported_file_is_imported_unchanged(library: TestClient, match: str) -> None:
    author = add_author(library, "=Ada")
    subjects = [add(library, models().Subject(code=code)) for code in ("+1", "maths")]

    async def write(session: AsyncSession) -> None:
        for number, text in enumerate(AWKWARD):
            book = models().Book(title=f"{number}: {text.split()[0]}", isbn=f"-{number}", genre="novel", summary=text)
            book.price, book.weight, book.facts = Decimal("-5.00"), -0.25, {"=a": ["é", 1]}
            book.bought_at = datetime(2026, 1, 31, 8, 30, 15, 120 + number, UTC)
            book.author_id, book.in_print = author.id, number % 2 == 0
            book.subjects = [await session.merge(subject) for subject in subjects]
            session.add(book)

    in_database(library, write)
    before = sorted(map(_without_key, books(library)), key=str)
    file = export(library, "catalogue", "csv").content

    answer = send(library, file, "catalogue", {"match": match})

    assert problems(answer) == []
    assert sorted(map(_without_key, books(library)), key=str) == sorted(before * (1 if match else 2), key=str)
    assert answer.json()["rows_skipped"] == (len(AWKWARD) if match else 0)


def _without_key(book: Any) -> tuple[object, ...]:
    names = ("title", "isbn", "genre", "price", "weight", "facts", "bought_at", "in_print", "author_id")
    summary = book.summary.replace("\r\n", "\n")
    return (*(getattr(book, name) for name in names), summary, sorted(subject.code for subject in book.subjects))


def test_file_changes_rows_by_id_and_adds_others(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    send(browser, table(("Milk", "Two", ada.id), ("Eggs", "Six", ada.id)))
    eggs, milk = read_notes(client)
    file = (
        f"id,title,body,owner\n{milk.id},Oat milk,Two,{bob.email}\n"
        f"{eggs.id},Eggs,Six,{ada.email}\n,Bread,,{ada.email}\n"
    )

    preview = send(browser, file, "sample-note", {"match": "id"}, preview="1").json()
    answer = send(browser, file, "sample-note", {"match": "id"}).json()

    assert [row["status"] for row in preview["sample"]] == ["update", "update", "new"]
    assert [answer[name] for name in ("rows_created", "rows_updated", "rows_skipped")] == [1, 1, 1]
    assert [(note.title, note.body, note.owner_id, note.version) for note in read_notes(client)] == [
        ("Bread", "", ada.id, 1),
        ("Eggs", "Six", ada.id, 1),
        ("Oat milk", "Two", bob.id, 2),
    ]
    told = [event.data for event in events(client, "data_changed")]
    assert [(data["name"], data["changes"]["title"]) for data in told] == [
        ("Oat milk", {"old": "Milk", "new": "Oat milk"})
    ]


def test_file_changes_rows_by_a_unique_text(library: TestClient) -> None:
    old = add_author(library, "Ada")

    answer = send(library, "name,label\nAda,Countess\nBob,Bob\n", "poet", {"match": "name"})

    async def read(session: AsyncSession) -> list[tuple[object, ...]]:
        author = models().Author
        return [(*row,) for row in await session.execute(select(author.name, author.label).order_by(author.name))]

    assert problems(answer) == []
    assert in_database(library, read) == [("Ada", "Countess"), ("Bob", "Bob")]
    assert old.label == "Ada"


@pytest.mark.any_database
def test_rows_that_cannot_be_changed_are_told(client: TestClient, browser: TestClient, ada: User) -> None:
    send(browser, table(("Milk", "", ada.id), ("Eggs", "", ada.id)))
    eggs, milk = read_notes(client)
    unknown = "00000000-0000-7000-8000-000000000000"
    file = f"id,title\n{unknown},A\n{milk.id},B\n{milk.id},C\n{eggs.id},\n"

    told = problems(send(browser, file, "sample-note", {"match": "id"}))

    assert told == [
        (2, "id", "No row has this id. Leave the cell empty to add a row."),
        (2, "owner", "This field is required."),
        (3, "id", "More than one row of the file has this."),
        (4, "id", "More than one row of the file has this."),
        (5, "title", "This field is required."),
    ]
    refused = send(browser, "title\nMilk\n", "sample-note", {"match": "id"})
    assert refused.json()["error"] == "To change rows, the file needs a column “id”."
    assert send(browser, file, "sample-note", {"match": "body"}).status_code == 400


@pytest.mark.any_database
def test_file_does_not_undo_what_it_does_not_change(client: TestClient, browser: TestClient, ada: User) -> None:
    send(browser, table((" Milk", "Two", ada.id)))
    [milk] = read_notes(client)

    assert problems(send(browser, f"id,body\n{milk.id},Three\n", "sample-note", {"match": "id"})) == []
    assert [(note.title, note.body) for note in read_notes(client)] == [("Milk", "Three")]


def test_rows_refer_to_rows_of_the_same_file(library: TestClient) -> None:
    file = "name,parent\nLeaf,Branch\nBranch,Root\nRoot,\n"
    loop = "name,parent\nA,B\nB,A\n"

    told = problems(send(library, loop, "shelf-mark"))
    assert problems(send(library, file, "shelf-mark")) == []

    async def read(session: AsyncSession) -> dict[str, str | None]:
        mark = models().Mark
        rows = {row.id: row for row in await session.scalars(select(mark))}
        return {row.name: rows[row.parent_id].name if row.parent_id else None for row in rows.values()}

    assert {said for _, _, said in told} == {"A row cannot be its own ancestor."}
    assert in_database(library, read) == {"Leaf": "Branch", "Branch": "Root", "Root": None}


def test_events_of_an_import_are_written_in_batches(client: TestClient, browser: TestClient, ada: User) -> None:
    content = table(*((f"Note {number}", "", ada.email) for number in range(200)))

    written: list[str] = []
    engine = browser.app_state["database"].engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *told: written.append(told[2]))

    send(browser, content)

    assert len([statement for statement in written if statement.startswith("INSERT")]) == 3  # notes, events, the file
    assert len(events(client, "data_created")) == 200
