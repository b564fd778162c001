"""Exports for spreadsheets (ECMA-376, the least that is a workbook): a text is a text here, whatever it begins with."""

import asyncio
import io
import json
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from starlette_admin.export import BaseExporter
from starlette_admin.fields import BaseField

_LONGEST = 32_767
"""Characters in a cell: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3"""
_MOST_DIGITS = 15  # a longer number would be rounded
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    f'<Default Extension="rels" ContentType="{_TYPES}-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}-officedocument.spreadsheetml.sheet.main+xml"/>'
    f'<Override PartName="/xl/sheet.xml" ContentType="{_TYPES}-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="book" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Export" sheetId="1" r:id="sheet"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="sheet" Type="{_OFFICE}/worksheet" Target="sheet.xml"/></Relationships>',
}


class XlsxExporter(BaseExporter):
    """Exports a workbook of one sheet."""

    content_type = f"{_TYPES}-officedocument.spreadsheetml.sheet"
    extension = "xlsx"

    async def generate(self, fields: list[BaseField], rows: list[dict[str, Any]]) -> bytes:
        """Return the file; it is made beside the event loop."""
        names: list[Any] = [field.label or field.name for field in fields]
        table = [names, *([row.get(field.name) for field in fields] for row in rows)]
        return await asyncio.to_thread(_workbook, table)


def _workbook(table: Iterable[Iterable[Any]]) -> bytes:
    rows = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in table)
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as parts:
        for name, content in {**_PARTS, "xl/sheet.xml": sheet}.items():
            parts.writestr(name, _HEAD + content)
    return file.getvalue()


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever a field shows
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{value:d}</v></c>'
    if isinstance(value, int | float | Decimal) and math.isfinite(value) and len(str(value)) <= _MOST_DIGITS:
        return f"<c><v>{value}</v></c>"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(_NOT_XML.sub("", text)[:_LONGEST])}</t></is></c>'
