"""Exports for spreadsheets, in which a text is a text, whatever it begins with."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from tempfile import TemporaryFile
from typing import Any

import anyio
from starlette_admin.fields import BaseField

from app.admin.exports import Slices, StreamedExporter

_LONGEST = 32_767
"""Characters in a cell: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3"""
_MOST_DIGITS = 15  # a longer number would be rounded
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OPTIONS = {
    "constant_memory": True,  # each row is in a file as soon as it is written
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_PART = 64 * 1024


class XlsxExporter(StreamedExporter):
    """Exports a workbook of one sheet. It is sent when it is whole, for its table of contents is at its end."""

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension = "xlsx"
    most_rows = 100_000  # a sheet holds ten times more, and nobody waits that long

    async def stream(self, fields: Sequence[BaseField], slices: Slices) -> AsyncIterator[bytes]:
        """Write the file, beside the event loop."""
        from xlsxwriter import Workbook  # noqa: PLC0415 - it takes long, and few need it

        with TemporaryFile() as file:
            book = Workbook(file, _OPTIONS)
            try:
                sheet = book.add_worksheet()
                sheet.write_row(0, 0, [_cell(field.label or field.name) for field in fields])
                written = 1
                async for rows in slices:
                    table = [[_cell(row[field.name]) for field in fields] for row in rows]
                    await anyio.to_thread.run_sync(_write, sheet, written, table)
                    written += len(rows)
            finally:  # also when who asked is gone, for it has files
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(book.close)
            file.seek(0)
            while part := await anyio.to_thread.run_sync(file.read, _PART):
                yield part

    async def generate(self, fields: list[BaseField], rows: list[dict[str, Any]]) -> bytes:
        """Return the file, for who asks for all of it."""

        async def all_rows() -> Slices:
            yield rows

        return b"".join([part async for part in self.stream(fields, all_rows())])


def _write(sheet: Any, first: int, table: list[list[Any]]) -> None:  # noqa: ANN401 - of a package without types
    for index, cells in enumerate(table, first):
        sheet.write_row(index, 0, cells)


def _cell(value: Any) -> Any:  # noqa: ANN401 - whatever a field shows
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal) and len(str(value)) <= _MOST_DIGITS and _is_number(value):
        return value
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return _NOT_XML.sub("", text)[:_LONGEST]


def _is_number(value: float | Decimal) -> bool:
    return Decimal(value).is_finite()
