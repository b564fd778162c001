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


class TextExporter(StreamingExporter):
    """Base class of formats whose parts are texts, so that a job can continue a file where it stopped."""

    @abstractmethod
    def head(self, columns: Sequence[FileColumn]) -> str:
        """Return what is before the rows."""

    @abstractmethod
    def body(self, columns: Sequence[FileColumn], rows: Sequence[dict[str, Any]], *, is_first: bool) -> str:
        """Return rows, at least one; `is_first` if none is before them."""

    @abstractmethod
    def tail(self, *, is_empty: bool) -> str:
        """Return what is after the rows; `is_empty` if there are none."""

    async def stream(self, columns: Sequence[FileColumn], chunks: Chunks) -> AsyncIterator[str]:
        """Yield the parts of the file."""
        is_empty = True
        yield self.head(columns)
        async for rows in chunks:
            if rows:
                yield self.body(columns, rows, is_first=is_empty)
                is_empty = False
        yield self.tail(is_empty=is_empty)


class StreamingCsvExporter(TextExporter, CsvExporter):
    """CSV. Text that spreadsheets would run as a formula is escaped; lists are JSON."""

    def head(self, columns: Sequence[FileColumn]) -> str:
        """Return a byte order mark, which Excel needs to detect UTF-8, and the header."""
        return "\ufeff" + self._format_rows([[column.label for column in columns]])

    def body(self, columns: Sequence[FileColumn], rows: Sequence[dict[str, Any]], *, is_first: bool) -> str:  # noqa: ARG002
        """Return rows."""
        return self._format_rows([[format_cell(row[column.name]) for column in columns] for row in rows])

    def tail(self, *, is_empty: bool) -> str:  # noqa: ARG002
        """Return nothing."""
        return ""

    def _format_rows(self, rows: list[list[object]]) -> str:
        output = io.StringIO()
        csv.writer(output, **self.fmtparams).writerows(rows)
        return output.getvalue()


class StreamingJsonExporter(TextExporter, JsonExporter):
    """A JSON array with one row per line. The keys are field names, as in the API."""

    def head(self, columns: Sequence[FileColumn]) -> str:  # noqa: ARG002
        """Return the start of the array."""
        return "["

    def body(self, columns: Sequence[FileColumn], rows: Sequence[dict[str, Any]], *, is_first: bool) -> str:
        """Return rows, after the comma that follows the previous ones."""
        cells = [{column.name: row[column.name] for column in columns} for row in rows]
        texts = [json.dumps(row, ensure_ascii=False, default=_as_json) for row in cells]
        return ("\n" if is_first else ",\n") + ",\n".join(texts)

    def tail(self, *, is_empty: bool) -> str:
        """Return the end of the array."""
        return "]" if is_empty else "\n]"


def _as_json(value: object) -> str:
    """Return a number in full precision, or a time in ISO 8601."""
    return value.isoformat() if isinstance(value, date | time) else str(value)
