"""The rows that an imported file means: stored ones, found by id or by a unique text, or new ones."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload
from starlette_admin import RequestAction
from starlette_admin.fields import BaseField

from app.admin.files.cells import format_cell
from app.admin.files.columns import file_columns
from app.admin.files.csv_files import CsvRow
from app.admin.files.formats import unescape_formula
from app.admin.imports.reference_lookup import is_uuid

_AT_ONCE = 500


class RowMatcher:
    """What each row of a file is in the database, by its number; all are new until `find` finds them."""

    def __init__(self, request: Request, view: Any, fields: Sequence[BaseField], rows: Sequence[CsvRow]) -> None:  # noqa: ANN401
        self.request, self.view, self.columns, self.file = request, view, file_columns(fields), rows
        self.rows: dict[int, Any] = {row.number: view.model() for row in rows}
        self.written: dict[int, dict[str, str]] = {}
        """What an export writes of the stored ones."""

    async def find(self, session: AsyncSession, match: str, header: str) -> list[tuple[int, str | None, str]]:
        """Find the stored rows by a field, whose cells are below `header`, and return what is wrong with them."""
        numbers = {match_key(row, header): row.number for row in self.file}
        wanted = sorted(key for key in numbers if key and "\x00" not in key and (match != "id" or is_uuid(key)))
        found: dict[str, Any] = {}
        self.request.state.action = RequestAction.EXPORT
        for start in range(0, len(wanted), _AT_ONCE):
            for row in await self._stored(session, match, wanted[start : start + _AT_ONCE]):
                key = str(getattr(row, match))
                found[key] = self.rows[numbers[key]] = row
                cells = await self.view.export_row(self.request, row, self.columns)
                self.written[numbers[key]] = {name: _text(format_cell(value)) for name, value in cells.items()}
        self.request.state.action = RequestAction.IMPORT
        return [*self._problems(match, header, found)]

    async def _stored(self, session: AsyncSession, match: str, keys: Sequence[str]) -> Sequence[Any]:
        """Return the rows that have these keys, with what an export needs of them."""
        model = self.view.model
        wanted = [UUID(key) for key in keys] if match == "id" else keys
        query = self.view.get_list_query(self.request).where(getattr(model, match).in_(wanted))
        relations = [joinedload(getattr(model, column.field.name)) for column in self.columns if column.is_ids]
        rows: Sequence[Any] = (await session.scalars(query.options(*relations))).unique().all()
        await self.view.prefetch(self.request, session, rows)
        return rows

    def _problems(self, match: str, header: str, found: Mapping[str, Any]) -> Iterator[tuple[int, str | None, str]]:
        """Tell of ids that no row has, of rows that the file names twice, and of those that may not be changed."""
        counted = Counter(match_key(row, header) for row in self.file)
        for row in self.file:
            key = match_key(row, header)
            if key and counted[key] > 1:
                yield row.number, match, "Duplicate value: another row of the file has it too."
            elif key and key not in found and match == "id":
                yield row.number, match, "No record has this ID. Leave the cell empty to add a record."
            elif key in found and not self.view.can_change_row(self.request, found[key]):
                yield row.number, None, "You don't have permission to change this record."


def match_key(row: CsvRow, header: str) -> str:
    """Return what a cell calls a row; ids are compared in one spelling."""
    key = unescape_formula(row.cells[header]).strip()
    return str(UUID(key)) if is_uuid(key) else key


def _text(value: object) -> str:
    return "" if value is None else str(value)
