"""CSV exports: formulas are escaped, numbers are not."""

import csv
import io
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import export
from tests.admin.factories import add_book
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database

pytestmark = pytest.mark.any_database

CELLS = {
    "=cmd|'/c calc'!A1": "'=cmd|'/c calc'!A1",
    "+1": "'+1",
    "-1": "'-1",
    "@a": "'@a",
    "\t1": "'\t1",
    "\r1": "'\r1",
    "\n1": "'\n1",
    "  =1": "'  =1",
    "\uff1d1+1": "'\uff1d1+1",
    "\uff0b1": "'\uff0b1",
    "\uff0d1": "'\uff0d1",
    "\uff20a": "'\uff20a",
    ";=1": ";'=1",
    "a; =1;-2": "a;' =1;'-2",
    "a=1, -2; 3": "a=1, -2; 3",
    "'=1": "''=1",
}
"""Texts, and their cells in a file."""


def test_exported_text_is_escaped(client: TestClient, browser: TestClient, admin: User) -> None:
    async def add(session: AsyncSession) -> None:
        session.add_all(SampleNote(title=str(n), body=text, owner_id=admin.id) for n, text in enumerate(CELLS))

    in_database(client, add)

    rows = csv.DictReader(io.StringIO(export(browser, "sample-note", "csv").text, newline=""))

    assert {int(row["Title"]): row["Body"] for row in rows} == dict(enumerate(CELLS.values()))


def test_negative_numbers_are_exported_unescaped(library: TestClient) -> None:
    add_book(library, "-1", pages=-3, price=Decimal("-9.50"), weight=-0.5)

    [row] = csv.DictReader(io.StringIO(export(library, "book", "csv").text))

    assert (row["Title"], row["Pages"], row["Price"], row["Weight"]) == ("'-1", "-3", "-9.50", "-0.5")


def test_references_are_exported_as_title_and_id(library: TestClient) -> None:
    book = add_book(library, "Notes")

    [row] = csv.DictReader(io.StringIO(export(library, "book", "csv").content.decode("utf-8-sig")))
    [exported] = export(library, "book", "json").json()

    assert (row["Author"], row["Author id"]) == ("Author of Notes", str(book.author_id))
    assert (exported["author"], exported["author_id"], exported["subjects"]) == (
        "Author of Notes",
        str(book.author_id),
        [],
    )
    assert exported["bought_at"] is None
