"""Streaming export formats: CSV and JSON."""

import csv
import io
import json
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import date, time
from typing import Any, TypeAlias

from starlette_admin.export import BaseExporter, CsvExporter, JsonExporter

from app.admin.files.cells import format_cell
from app.admin.files.columns import FileColumn

Chunks: TypeAlias = AsyncIterator[Sequence[dict[str, Any]]]


class StreamingExporter(BaseExporter):
    """Base class of formats that are written in chunks of rows."""

    max_rows: int | None = None
    """Maximum number of rows in a file."""

    @abstractmethod
    def stream(self, columns: Sequence[FileColumn], chunks: Chunks) -> AsyncIterator[str | bytes]:
        """Yield the header, then the rows."""


class StreamingCsvExporter(StreamingExporter, CsvExporter):
    """CSV. Text that spreadsheets would run as a formula is escaped; lists are JSON."""

    async def stream(self, columns: Sequence[FileColumn], chunks: Chunks) -> AsyncIterator[str]:
        """Yield a byte order mark, which Excel needs to detect UTF-8, the header, and the rows."""
        yield "\ufeff" + self._format_rows([[column.label for column in columns]])
        async for rows in chunks:
            yield self._format_rows([[format_cell(row[column.name]) for column in columns] for row in rows])

    def _format_rows(self, rows: list[list[object]]) -> str:
        output = io.StringIO()
        csv.writer(output, **self.fmtparams).writerows(rows)
        return output.getvalue()


class StreamingJsonExporter(StreamingExporter, JsonExporter):
    """A JSON array with one row per line. The keys are field names, as in the API."""

    async def stream(self, columns: Sequence[FileColumn], chunks: Chunks) -> AsyncIterator[str]:
        """Yield the rows."""
        separator = "[\n"
        async for rows in chunks:
            if rows:
                cells = [{column.name: row[column.name] for column in columns} for row in rows]
                yield separator + ",\n".join(json.dumps(row, ensure_ascii=False, default=_as_json) for row in cells)
                separator = ",\n"
        yield "[]" if separator == "[\n" else "\n]"


def _as_json(value: object) -> str:
    """Return a number in full precision, or a time in ISO 8601."""
    return value.isoformat() if isinstance(value, date | time) else str(value)
