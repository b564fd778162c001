"""Imports that update rows, such as an edited export."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.audit_log import recorded_events
from tests.admin.browser import export
from tests.admin.factories import add_author, add_row, models
from tests.admin.import_helpers import books, import_errors, import_file, note_file
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database


def read_notes(client: TestClient) -> list[SampleNote]:
    """Return every note, by title."""

    async def read(session: AsyncSession) -> list[SampleNote]:
        return list(await session.scalars(select(SampleNote).order_by(SampleNote.title)))

    return in_database(client, read)


AWKWARD = ["+1+1", "=1+1", "'=1", "-5.00", ' "quoted", text; =2', "Bücher\tTab", "a\nb", "two\r\nlines", "@x", "''+1"]


@pytest.mark.parametrize("match", ["", "id"])
def test_export_and_import_round_trip_is_lossless(library: TestClient, match: str) -> None:
    author = add_author(library, "=Ada")
    subjects = [add_row(library, models().Subject(code=code)) for code in ("+1", "maths")]

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

    response = import_file(library, file, "catalogue", {"match": match})

    assert import_errors(response) == []
    assert sorted(map(_without_key, books(library)), key=str) == sorted(before * (1 if match else 2), key=str)
    assert response.json()["rows_skipped"] == (len(AWKWARD) if match else 0)


def _without_key(book: Any) -> tuple[object, ...]:
    names = ("title", "isbn", "genre", "price", "weight", "facts", "bought_at", "in_print", "author_id")
    summary = book.summary.replace("\r\n", "\n")
    return (*(getattr(book, name) for name in names), summary, sorted(subject.code for subject in book.subjects))


def test_import_by_id_updates_and_adds_rows(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    import_file(browser, note_file(("Milk", "Two", ada.id), ("Eggs", "Six", ada.id)))
    eggs, milk = read_notes(client)
    file = (
        f"id,title,body,owner\n{milk.id},Oat milk,Two,{bob.email}\n"
        f"{eggs.id},Eggs,Six,{ada.email}\n,Bread,,{ada.email}\n"
    )

    preview = import_file(browser, file, "sample-note", {"match": "id"}, preview="1").json()
    response = import_file(browser, file, "sample-note", {"match": "id"}).json()

    assert [row["status"] for row in preview["sample"]] == ["update", "update", "new"]
    assert [response[name] for name in ("rows_created", "rows_updated", "rows_skipped")] == [1, 1, 1]
    assert [(note.title, note.body, note.owner_id, note.version) for note in read_notes(client)] == [
        ("Bread", "", ada.id, 1),
        ("Eggs", "Six", ada.id, 1),
        ("Oat milk", "Two", bob.id, 2),
    ]
    recorded = [event.data for event in recorded_events(client, "data_changed")]
    assert [(data["name"], data["changes"]["title"]) for data in recorded] == [
        ("Oat milk", {"old": "Milk", "new": "Oat milk"})
    ]


def test_import_by_unique_text_updates_rows(library: TestClient) -> None:
    old = add_author(library, "Ada")

    response = import_file(library, "name,label\nAda,Countess\nBob,Bob\n", "poet", {"match": "name"})

    async def read(session: AsyncSession) -> list[tuple[object, ...]]:
        author = models().Author
        return [(*row,) for row in await session.execute(select(author.name, author.label).order_by(author.name))]

    assert import_errors(response) == []
    assert in_database(library, read) == [("Ada", "Countess"), ("Bob", "Bob")]
    assert old.label == "Ada"


@pytest.mark.any_database
def test_rows_that_cannot_be_matched_are_reported(client: TestClient, browser: TestClient, ada: User) -> None:
    import_file(browser, note_file(("Milk", "", ada.id), ("Eggs", "", ada.id)))
    eggs, milk = read_notes(client)
    unknown = "00000000-0000-7000-8000-000000000000"
    file = f"id,title\n{unknown},A\n{milk.id},B\n{milk.id},C\n{eggs.id},\n"

    errors = import_errors(import_file(browser, file, "sample-note", {"match": "id"}))

    assert errors == [
        (2, "id", "No record has this ID. Leave the cell empty to add a record."),
        (3, "id", "Duplicate value: another row of the file has it too."),
        (4, "id", "Duplicate value: another row of the file has it too."),
        (5, "title", "This field is required."),
    ]
    refused = import_file(browser, "title\nMilk\n", "sample-note", {"match": "id"})
    assert refused.json()["error"] == "To update records, the file needs a column “id”."
    assert import_file(browser, file, "sample-note", {"match": "body"}).status_code == 400


@pytest.mark.any_database
def test_columns_missing_from_the_file_are_unchanged(client: TestClient, browser: TestClient, ada: User) -> None:
    import_file(browser, note_file((" Milk", "Two", ada.id)))
    [milk] = read_notes(client)

    assert import_errors(import_file(browser, f"id,body\n{milk.id},Three\n", "sample-note", {"match": "id"})) == []
    assert [(note.title, note.body) for note in read_notes(client)] == [("Milk", "Three")]
