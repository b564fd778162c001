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
from app.admin.xlsx import XlsxExporter
from app.features.notes.models import Note
from tests.admin.driving import export
from tests.support import in_database

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def cells(content: bytes) -> list[list[tuple[str, str]]]:
    """Return the kind and the text of every cell; no cell may have a formula."""
    with ZipFile(io.BytesIO(content)) as parts:
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own
        strings = ET.fromstring(parts.read("xl/sharedStrings.xml"))  # noqa: S314
    texts = ["".join(item.itertext()) for item in strings.iter(f"{MAIN}si")]
    assert sheet.findall(f".//{MAIN}f") == []

    def read(cell: ET.Element) -> tuple[str, str]:
        kind, content = cell.get("t", "n"), "".join(cell.itertext())
        return (kind, texts[int(content)]) if kind == "s" else (kind, content)

    return [[read(cell) for cell in row.iter(f"{MAIN}c")] for row in sheet.iter(f"{MAIN}row")]


LONG = "x" * 40_000


@pytest.mark.any_database
def test_list_is_exported_and_no_text_is_a_formula(client: TestClient, browser: TestClient, admin: User) -> None:
    async def add(session: AsyncSession) -> None:
        session.add(Note(title="=cmd|'/c calc'!A1", body="<b>&\x01\x0b", owner_id=admin.id))

    in_database(client, add)

    answer = export(browser, "note", "xlsx")

    head, row = cells(answer.content)
    assert answer.headers["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert ("s", "Title") in head
    assert ("s", "=cmd|'/c calc'!A1") in row


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
        ("s", "http://x"),
        ("b", "1"),
        ("n", "3"),
        ("n", "9.50"),
        ("s", "1" + "0" * 20),
        ("s", "inf"),
        ("s", '{"a": ["é"]}'),
        ("s", "<a>&"),
        ("s", LONG[:32_767]),
    ]
