"""Exports for spreadsheets, in which a text is a text, whatever it begins with."""

import asyncio
import io
import json
import re
from decimal import Decimal
from typing import Any

from starlette_admin.export import BaseExporter
from starlette_admin.fields import BaseField

_LONGEST = 32_767
"""Characters in a cell: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3"""
_MOST_DIGITS = 15  # a longer number would be rounded
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_AS_IT_IS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class XlsxExporter(BaseExporter):
    """Exports a workbook of one sheet."""

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension = "xlsx"

    async def generate(self, fields: list[BaseField], rows: list[dict[str, Any]]) -> bytes:
        """Return the file; it is made beside the event loop."""
        names: list[Any] = [field.label or field.name for field in fields]
        return await asyncio.to_thread(_workbook, [names, *([row.get(f.name) for f in fields] for row in rows)])


def _workbook(table: list[list[Any]]) -> bytes:
    from xlsxwriter import Workbook  # noqa: PLC0415 - it takes long, and few need it

    file = io.BytesIO()
    with Workbook(file, _AS_IT_IS) as book:
        sheet = book.add_worksheet()
        for index, row in enumerate(table):
            sheet.write_row(index, 0, [_cell(value) for value in row])
    return file.getvalue()


def _cell(value: Any) -> Any:  # noqa: ANN401 - whatever a field shows
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal) and len(str(value)) <= _MOST_DIGITS and _is_number(value):
        return value
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return _NOT_XML.sub("", text)[:_LONGEST]


def _is_number(value: float | Decimal) -> bool:
    return Decimal(value).is_finite()
