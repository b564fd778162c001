"""XLSX export with typed cells: numbers, dates, and text that is never a formula."""

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

_MAX_LENGTH = 32_767
"""Characters in a cell: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3"""
_MAX_DIGITS = 15  # Excel rounds longer numbers
_FIRST_YEAR = 1901  # Excel treats 1900 as a leap year
_FORMATS = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss", time: "hh:mm:ss"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OPTIONS = {
    "constant_memory": True,  # rows are written to a temporary file
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_CHUNK_BYTES = 64 * 1024


class XlsxExporter(StreamingExporter):
    """Exports a workbook with one sheet. It is sent when complete, because the ZIP directory is at its end."""

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension = "xlsx"
    max_rows = 100_000  # a sheet can have ten times more, but that takes too long

    async def stream(self, columns: Sequence[FileColumn], chunks: Chunks) -> AsyncIterator[bytes]:
        """Write the file in a thread, then yield its bytes."""
        from xlsxwriter import Workbook  # noqa: PLC0415 - slow to import, and rarely used

        with TemporaryFile() as file:
            book = Workbook(file, _OPTIONS)
            try:
                sheet = book.add_worksheet()
                formats = {kind: book.add_format({"num_format": format_}) for kind, format_ in _FORMATS.items()}
                sheet.write_row(0, 0, [_cell(column.label) for column in columns])
                written = 1
                async for rows in chunks:
                    table = [[_cell(row[column.name]) for column in columns] for row in rows]
                    await anyio.to_thread.run_sync(_write, sheet, written, table, formats)
                    written += len(rows)
            finally:  # even if the client has disconnected: the book has open files
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(book.close)
            file.seek(0)
            while chunk := await anyio.to_thread.run_sync(file.read, _CHUNK_BYTES):
                yield chunk

    async def generate(self, fields: list[BaseField], rows: list[dict[str, Any]]) -> bytes:
        """Return the whole file."""

        async def all_rows() -> Chunks:
            yield rows

        return b"".join([chunk async for chunk in self.stream([FileColumn(field) for field in fields], all_rows())])


def _write(sheet: Any, first: int, table: list[list[Any]], formats: dict[type, Any]) -> None:  # noqa: ANN401 - an untyped package
    for index, cells in enumerate(table, first):
        for column, value in enumerate(cells):
            sheet.write(index, column, value, formats.get(type(value)))


def _cell(value: Any) -> Any:  # noqa: ANN401 - any value of a field
    if value is None or isinstance(value, bool | time):
        return value
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, date):
        return value if value.year >= _FIRST_YEAR else str(value)
    if isinstance(value, int | float | Decimal) and len(str(value)) <= _MAX_DIGITS and Decimal(value).is_finite():
        return value
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return _NOT_XML.sub("", text)[:_MAX_LENGTH]
