"""Match imported rows to existing ones by primary key or by a unique text field."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload
from starlette_admin import RequestAction
from starlette_admin.fields import BaseField

from app.admin.files.cells import format_cell
from app.admin.files.columns import file_columns
from app.admin.files.csv_files import CsvRow
from app.admin.files.formats import unescape_formula
from app.database.keys import is_entered, normalize_key, parse_keys
from app.i18n import gettext

_BATCH_SIZE = 500


class RowMatcher:
    """The row objects of a file by row number: new ones, until `find_rows` replaces them with existing ones."""

    def __init__(self, request: Request, view: Any, fields: Sequence[BaseField], rows: Sequence[CsvRow]) -> None:  # noqa: ANN401
        self.request, self.view, self.columns, self.csv_rows = request, view, file_columns(fields), rows
        self.records: dict[int, Any] = {row.number: view.model() for row in rows}
        self.exported_cells: dict[int, dict[str, str]] = {}
        """Cells that an export would have for the existing rows."""

    async def find_rows(self, session: AsyncSession, match: str, header: str) -> list[tuple[int, str | None, str]]:
        """Find the existing rows by the field `match`, which is in the column `header`, and return the errors."""
        model, is_key = self.view.model, match == self.view.pk_attr
        numbers = {entered_key(model, row, header): row.number for row in self.csv_rows}
        values = parse_keys(model, numbers) if is_key else {key: key for key in numbers if "\x00" not in key}
        wanted = [values[key] for key in sorted(values) if key]
        found: dict[str, Any] = {}
        self.request.state.action = RequestAction.EXPORT
        for start in range(0, len(wanted), _BATCH_SIZE):
            for row in await self._load(session, match, wanted[start : start + _BATCH_SIZE]):
                key = str(getattr(row, match))
                found[key] = self.records[numbers[key]] = row
                cells = await self.view.export_row(self.request, row, self.columns)
                self.exported_cells[numbers[key]] = {name: _text(format_cell(value)) for name, value in cells.items()}
        self.request.state.action = RequestAction.IMPORT
        return [*self._errors(match, header, found)]

    async def _load(self, session: AsyncSession, match: str, keys: Sequence[Any]) -> Sequence[Any]:
        """Return the rows with these keys, with the relationships that an export needs."""
        model = self.view.model
        query = self.view.get_list_query(self.request).where(getattr(model, match).in_(keys))
        relations = [joinedload(getattr(model, column.field.name)) for column in self.columns if column.is_ids]
        rows: Sequence[Any] = (await session.scalars(query.options(*relations))).unique().all()
        await self.view.prefetch(self.request, session, rows)
        return rows

    def _errors(self, match: str, header: str, found: Mapping[str, Any]) -> Iterator[tuple[int, str | None, str]]:
        """Yield an error for each unknown ID, duplicate key, and row that the user can't change."""
        model, is_key = self.view.model, match == self.view.pk_attr
        counts = Counter(entered_key(model, row, header) for row in self.csv_rows)
        for row in self.csv_rows:
            key = entered_key(model, row, header)
            if key and counts[key] > 1:
                yield row.number, match, gettext("Duplicate value: another row of the file has it too.")
            elif key and key not in found and is_key and not is_entered(model):
                yield row.number, match, gettext("No record has this ID. Leave the cell empty to add a record.")
            elif key in found and not self.view.can_change_row(self.request, found[key]):
                yield row.number, None, gettext("You don't have permission to change this record.")


def entered_key(model: type[Any], row: CsvRow, header: str) -> str:
    """Return the key in a cell; UUIDs as they are stored."""
    return normalize_key(model, unescape_formula(row.cells[header]).strip())


def _text(value: object) -> str:
    return "" if value is None else str(value)
