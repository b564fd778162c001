"""Exports for spreadsheets: numbers and dates are such, and a text is a text, whatever it begins with."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from tempfile import TemporaryFile
from typing import Any

import anyio
from starlette_admin.fields import BaseField

from app.admin.files.columns import FileColumn
from app.admin.files.exporters import Chunks, StreamingExporter

_LONGEST = 32_767
"""Characters in a cell: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3"""
_MOST_DIGITS = 15  # a longer number would be rounded
_FIRST_YEAR = 1901  # Excel takes 1900 for a leap year
_FORMATS = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss", time: "hh:mm:ss"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OPTIONS = {
    "constant_memory": True,  # each row is in a file as soon as it is written
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_PART = 64 * 1024


class XlsxExporter(StreamingExporter):
    """Exports a workbook of one sheet. It is sent when it is whole, for its table of contents is at its end."""

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension = "xlsx"
    max_rows = 100_000  # a sheet holds ten times more, and nobody waits that long

    async def stream(self, columns: Sequence[FileColumn], slices: Chunks) -> AsyncIterator[bytes]:
        """Write the file, beside the event loop."""
        from xlsxwriter import Workbook  # noqa: PLC0415 - it takes long, and few need it

        with TemporaryFile() as file:
            book = Workbook(file, _OPTIONS)
            try:
                sheet = book.add_worksheet()
                formats = {kind: book.add_format({"num_format": said}) for kind, said in _FORMATS.items()}
                sheet.write_row(0, 0, [_cell(column.label) for column in columns])
                written = 1
                async for rows in slices:
                    table = [[_cell(row[column.name]) for column in columns] for row in rows]
                    await anyio.to_thread.run_sync(_write, sheet, written, table, formats)
                    written += len(rows)
            finally:  # also when who asked is gone, for it has files
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(book.close)
            file.seek(0)
            while part := await anyio.to_thread.run_sync(file.read, _PART):
                yield part

    async def generate(self, fields: list[BaseField], rows: list[dict[str, Any]]) -> bytes:
        """Return the file, for who asks for all of it."""

        async def all_rows() -> Chunks:
            yield rows

        return b"".join([part async for part in self.stream([FileColumn(field) for field in fields], all_rows())])


def _write(sheet: Any, first: int, table: list[list[Any]], formats: dict[type, Any]) -> None:  # noqa: ANN401 - of a package without types
    for index, cells in enumerate(table, first):
        for column, value in enumerate(cells):
            sheet.write(index, column, value, formats.get(type(value)))


def _cell(value: Any) -> Any:  # noqa: ANN401 - whatever a field shows
    if value is None or isinstance(value, bool | time):
        return value
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, date):
        return value if value.year >= _FIRST_YEAR else str(value)
    if isinstance(value, int | float | Decimal) and len(str(value)) <= _MOST_DIGITS and _is_number(value):
        return value
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return _NOT_XML.sub("", text)[:_LONGEST]


def _is_number(value: float | Decimal) -> bool:
    return Decimal(value).is_finite()
