"""Exports for spreadsheets."""

import asyncio
import io
from decimal import Decimal
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient
from starlette_admin.fields import StringField

from app.accounts.models import User
from app.admin import exports
from app.admin.xlsx import XlsxExporter
from tests.admin.driving import export, words
from tests.admin.exporting import export_all
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database

TEXT = "inlineStr"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def cells(content: bytes) -> list[list[tuple[str, str]]]:
    """Return the kind and the text of every cell; no cell may have a formula."""
    with ZipFile(io.BytesIO(content)) as parts:
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own
    assert sheet.findall(f".//{MAIN}f") == []
    return [
        [(cell.get("t", "n"), "".join(cell.itertext())) for cell in row.iter(f"{MAIN}c")]
        for row in sheet.iter(f"{MAIN}row")
    ]


LONG = "x" * 40_000


@pytest.mark.any_database
def test_list_is_exported_and_no_text_is_a_formula(client: TestClient, browser: TestClient, admin: User) -> None:
    async def add(session: AsyncSession) -> None:
        session.add(SampleNote(title="=cmd|'/c calc'!A1", body="<b>&\x01\x0b", owner_id=admin.id))

    in_database(client, add)

    answer = export(browser, "sample-note", "xlsx")

    head, row = cells(answer.content)
    assert answer.headers["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert (TEXT, "Title") in head
    assert (TEXT, "=cmd|'/c calc'!A1") in row


def test_cells_keep_their_kind() -> None:
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


def test_long_list_is_exported_whole(
    client: TestClient, browser: TestClient, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SLICE", 10)
    in_database(client, lambda session: session.run_sync(lambda sync: sync.add_all(_notes(admin, 25))))

    answer = export_all(browser, "xlsx")

    head, *rows = cells(answer.content)
    title = head.index((TEXT, "Title"))
    assert [row[title] for row in rows] == [(TEXT, f"Note {number}") for number in reversed(range(25))]


def test_list_that_is_too_long_for_a_workbook_is_refused(
    client: TestClient, browser: TestClient, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(XlsxExporter, "most_rows", 2)
    in_database(client, lambda session: session.run_sync(lambda sync: sync.add_all(_notes(admin, 3))))

    answer = export_all(browser, "xlsx")

    assert answer.status_code == 303
    assert "This format holds 2 rows." in words(browser.get(answer.headers["Location"]))


def _notes(owner: User, count: int) -> list[SampleNote]:
    return [SampleNote(title=f"Note {number}", owner_id=owner.id) for number in range(count)]
