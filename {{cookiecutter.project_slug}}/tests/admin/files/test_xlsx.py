"""XLSX exports."""

import asyncio
import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient
from starlette_admin.fields import StringField

from app.accounts.models import User
from app.admin.base import exports
from app.admin.files.xlsx import XlsxExporter
from tests.admin.browser import export, page_text
from tests.admin.export_helpers import export_all
from tests.admin.factories import add_book
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database

TEXT = "inlineStr"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def by_name(content: bytes) -> dict[str, tuple[str, str]]:
    """Return the cells of the only row by column name, without empty ones."""
    with ZipFile(io.BytesIO(content)) as parts:
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own
    head, row = ({cell.get("r", "").rstrip("12"): cell for cell in row} for row in sheet.iter(f"{MAIN}row"))
    return {"".join(head[at].itertext()): (cell.get("t", "n"), "".join(cell.itertext())) for at, cell in row.items()}


def cells(content: bytes) -> list[list[tuple[str, str]]]:
    """Return the type and the text of every cell, and check that none is a formula."""
    with ZipFile(io.BytesIO(content)) as parts:
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own
    assert sheet.findall(f".//{MAIN}f") == []
    return [
        [(cell.get("t", "n"), "".join(cell.itertext())) for cell in row.iter(f"{MAIN}c")]
        for row in sheet.iter(f"{MAIN}row")
    ]


LONG = "x" * 40_000


def test_numbers_and_dates_are_typed(library: TestClient) -> None:
    when = datetime(2026, 1, 31, 6, tzinfo=UTC)
    add_book(library, "Notes", price=Decimal("-1200.50"), pages=12, weight=-0.5, in_print=True, bought_at=when)

    response = export(library, "book", "xlsx")

    shown = by_name(response.content)
    assert (shown["Price"], shown["Pages"], shown["Weight"]) == (("n", "-1200.50"), ("n", "12"), ("n", "-0.5"))
    assert (shown["In print"], shown["Bought at"]) == (("b", "1"), ("n", "46053.25"))
    assert shown["Author"] == (TEXT, "Author of Notes")
    with ZipFile(io.BytesIO(response.content)) as parts:
        assert b'formatCode="yyyy-mm-dd hh:mm:ss"' in parts.read("xl/styles.xml")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (date(2026, 1, 31), ("n", "46053")),
        (time(6), ("n", "0.25")),
        (datetime(2026, 1, 31, 6, tzinfo=UTC), ("n", "46053.25")),
        (date(1900, 1, 1), (TEXT, "1900-01-01")),
        (datetime(26, 1, 31), (TEXT, "0026-01-31 00:00:00")),  # noqa: DTZ001 - a column without a zone
    ],
)
def test_dates_that_spreadsheets_support_are_typed(value: object, cell: tuple[str, str]) -> None:
    _, row = cells(asyncio.run(XlsxExporter().generate([StringField("a")], [{"a": value}])))

    assert row == [cell]


@pytest.mark.any_database
def test_list_is_exported_without_formulas(client: TestClient, browser: TestClient, admin: User) -> None:
    async def add(session: AsyncSession) -> None:
        session.add(SampleNote(title="=cmd|'/c calc'!A1", body="<b>&\x01\x0b", owner_id=admin.id))

    in_database(client, add)

    response = export(browser, "sample-note", "xlsx")

    head, row = cells(response.content)
    assert response.headers["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert (TEXT, "Title") in head
    assert (TEXT, "=cmd|'/c calc'!A1") in row


def test_cells_keep_their_type() -> None:
    values = [
        "http://x",
        True,
        3,
        Decimal("9.50"),
        10**20,
        float("inf"),
        {"a": ["é"]},
        "<a>&\x00\ud800\x0b",
        "x" * 40_000,
    ]
    fields = [StringField(str(index)) for index, _ in enumerate(values)]
    rows = [{str(index): value for index, value in enumerate(values)}]

    _, row = cells(asyncio.run(XlsxExporter().generate([*fields], rows)))

    assert row == [
        (TEXT, "http://x"),
        ("b", "1"),
        ("n", "3"),
        ("n", "9.50"),
        (TEXT, "1" + "0" * 20),
        (TEXT, "inf"),
        (TEXT, '{"a": ["é"]}'),
        (TEXT, "<a>&"),
        (TEXT, LONG[:32_767]),
    ]


def test_long_list_is_exported_completely(
    client: TestClient, browser: TestClient, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "CHUNK_SIZE", 10)
    in_database(client, lambda session: session.run_sync(lambda sync: sync.add_all(_notes(admin, 25))))

    response = export_all(browser, "xlsx")

    head, *rows = cells(response.content)
    title = head.index((TEXT, "Title"))
    assert [row[title] for row in rows] == [(TEXT, f"Note {number}") for number in reversed(range(25))]


def test_export_over_the_row_limit_is_rejected(
    client: TestClient, browser: TestClient, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(XlsxExporter, "max_rows", 2)
    in_database(client, lambda session: session.run_sync(lambda sync: sync.add_all(_notes(admin, 3))))

    response = export_all(browser, "xlsx")

    assert response.status_code == 303
    assert "This format is limited to 2 rows." in page_text(browser.get(response.headers["Location"]))


def _notes(owner: User, count: int) -> list[SampleNote]:
    return [SampleNote(title=f"Note {number}", owner_id=owner.id) for number in range(count)]
