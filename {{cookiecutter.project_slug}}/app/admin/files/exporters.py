"""Export formats that are written a few rows at a time."""

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
    """A format that is written a few rows at a time."""

    max_rows: int | None = None
    """What a file may hold."""

    @abstractmethod
    def stream(self, columns: Sequence[FileColumn], slices: Chunks) -> AsyncIterator[str | bytes]:
        """Write the names of the columns, and then the rows."""


class StreamingCsvExporter(StreamingExporter, CsvExporter):
    """CSV in which no cell is a formula, and a list is written as JSON."""

    async def stream(self, columns: Sequence[FileColumn], slices: Chunks) -> AsyncIterator[str]:
        """Write the names of the columns, and then the rows, after the mark by which Excel recognizes UTF-8."""
        yield "\ufeff" + self._written([[column.label for column in columns]])
        async for rows in slices:
            yield self._written([[format_cell(row[column.name]) for column in columns] for row in rows])

    def _written(self, rows: list[list[object]]) -> str:
        output = io.StringIO()
        csv.writer(output, **self.fmtparams).writerows(rows)
        return output.getvalue()


class StreamingJsonExporter(StreamingExporter, JsonExporter):
    """A JSON array, a row on each line; its keys are the names of fields, as in the API."""

    async def stream(self, columns: Sequence[FileColumn], slices: Chunks) -> AsyncIterator[str]:
        """Write the rows."""
        between = "[\n"
        async for rows in slices:
            if rows:
                cells = [{column.name: row[column.name] for column in columns} for row in rows]
                yield between + ",\n".join(json.dumps(row, ensure_ascii=False, default=_as_json) for row in cells)
                between = ",\n"
        yield "[]" if between == "[\n" else "\n]"


def _as_json(value: object) -> str:
    """Write a number of any precision, and times in ISO 8601."""
    return value.isoformat() if isinstance(value, date | time) else str(value)
