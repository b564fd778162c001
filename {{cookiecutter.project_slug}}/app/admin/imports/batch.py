"""Validate and load imported rows, new and changed, with the same rules as forms."""

import asyncio
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import product
from typing import Any, NamedTuple

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import (
    BaseField,
    BooleanField,
    EnumField,
    FloatField,
    JSONField,
    NumberField,
    RelationField,
    TagsField,
)

from app.admin.base.changes import snapshot
from app.admin.base.fields import field_default
from app.admin.base.form_parsing import InvalidInput
from app.admin.files.cells import invalid_cell_message, normalize_cell
from app.admin.files.columns import FileColumn
from app.admin.files.csv_files import CsvRow
from app.admin.files.formats import ImportFormats
from app.admin.imports.reference_lookup import ReferenceLookup
from app.admin.imports.row_matching import RowMatcher, match_key
from app.admin.imports.uniqueness import find_duplicates

_NOT_TEXT = BooleanField | EnumField | NumberField | FloatField | JSONField | TagsField


class ImportRow(NamedTuple):
    """A row being imported."""

    number: int
    row: Any
    data: dict[str, Any]
    before: Mapping[str, Any] | None
    """What the stored row held; a new row has nothing."""


class ImportBatch:
    """The rows of one file; none of them belongs to a session after `load`."""

    def __init__(
        self,
        request: Request,
        view: Any,  # noqa: ANN401
        columns: Mapping[str, FileColumn],
        rows: Sequence[CsvRow],
        formats: ImportFormats,
    ) -> None:
        self.request, self.view, self.columns, self.rows, self.formats = request, view, columns, rows, formats
        self.fields: list[BaseField] = [*view.get_fields_list(request)]
        self.references: dict[str, ReferenceLookup] = {}
        self.targets = RowMatcher(request, view, self.fields, rows)
        self.lines: list[ImportRow] = []
        self.unchanged = 0
        self.problems: list[tuple[int, str | None, str]] = []

    async def load(self, session: AsyncSession, match: str, header: str) -> None:
        """Look up what the file changes, by the cells below `header`, and what it refers to."""
        if match:
            self.problems += await self.targets.find(session, match, header)
        for name, column in self.columns.items():
            if isinstance(column.field, RelationField):
                made = ReferenceLookup(self.request, self.view, column.field)
                known = self.references.setdefault(column.field.name, made)
                await known.find({row.cells[name] for row in self.rows})
        session.expunge_all()
        self._name_own_rows()

    def _name_own_rows(self) -> None:
        """Let rows refer to other rows of the same file, by their titles and by the ids that the file gives them."""
        own = [known for known in self.references.values() if known.is_own]
        names = [n for n, c in self.columns.items() if c.field.name == self.view.title_field and not c.is_ids]
        names += [name for name in self.rows[0].cells if name.strip().lower() == "id"]
        for known, row, name in product(own, self.rows, names):
            known.add(self.targets.rows[row.number], match_key(row, name))

    async def read(self) -> None:
        """Read every row, and make what would be stored."""
        refused = {number for number, _, _ in self.problems}
        for index, row in enumerate(row for row in self.rows if row.number not in refused):
            if index % 20 == 0:
                await asyncio.sleep(0)  # others are served too
            written = self.targets.written.get(row.number)
            try:
                await (self._read_new(row) if written is None else self._read_stored(row, written))
            except FormValidationError as error:
                self.problems += [(row.number, str(name) or None, str(said)) for name, said in error.errors.items()]
        self._refuse_cycles()

    async def _read_new(self, row: CsvRow) -> None:
        data = {field.name: _empty(field) for field in self.fields}
        await self._read(data, {column: row.cells[name] for name, column in self.columns.items()})
        made = await self.view._populate_obj(self.request, self.targets.rows[row.number], data)  # noqa: SLF001
        self.lines.append(ImportRow(row.number, made, data, None))

    async def _read_stored(self, row: CsvRow, written: Mapping[str, str]) -> None:
        """Change what differs from what an export would write; all else stays as it is, to the last digit."""
        target = self.targets.rows[row.number]
        entered = {c: row.cells[name] for name, c in self.columns.items() if row.cells[name] != written[c.name]}
        before = await snapshot(self.view, self.request, target)
        names = {column.field.name for column in entered}
        data = {f.name: None if f.name in names else getattr(target, f.name, None) for f in self.fields}
        await self._read(data, entered)
        changed = [name for name in names if data[name] != getattr(target, name)]
        for name in changed:
            setattr(target, name, data[name])
        if changed:
            self.lines.append(ImportRow(row.number, target, data, before))
        else:
            self.unchanged += 1

    async def _read(self, data: dict[str, Any], entered: Mapping[FileColumn, str]) -> None:
        """Read cells into the data of a row, check all of it, and put rows in place of what names them."""
        errors: dict[str | int, Any] = {}
        cells = {column: cell for column, cell in entered.items() if not isinstance(column.field, RelationField)}
        for column, cell in cells.items():
            try:
                data[column.field.name] = await self._read_cell(column.field, cell, data[column.field.name])
            except ValueError:
                errors[column.field.name] = invalid_cell_message(self.request, column.field, cell)
        for name, known in self.references.items():
            given = {column: cell for column, cell in entered.items() if column.field.name == name}
            try:
                data[name] = _refer(known, given) if given else data[name]
            except ValueError as error:
                errors[name] = str(error)
        if errors:
            raise FormValidationError(errors)
        rows = {f.name: data[f.name] for f in self.fields if isinstance(f, RelationField)}
        data |= {name: _keys(value) for name, value in rows.items()}
        await self.view.validate_fields(self.request, data)
        data |= rows
        await self.view.validate(self.request, data)

    async def _read_cell(self, field: BaseField, cell: str, default: Any) -> Any:  # noqa: ANN401
        """Return the value of a cell. An empty one of what is no text is not given, as if it had no column."""
        if not cell.strip() and isinstance(field, _NOT_TEXT):
            return default if self.view._must_be_given(field) else ([] if isinstance(field, TagsField) else None)  # noqa: SLF001
        value = await field.parse_input(self.request, normalize_cell(self.request, field, cell, self.formats))
        if isinstance(value, InvalidInput) or (value is None and cell.strip() and not isinstance(field, JSONField)):
            raise ValueError(cell)
        return value

    def _refuse_cycles(self) -> None:
        """Refuse rows of the file that are their own ancestors; the ORM could not order them."""
        for name in [name for name, known in self.references.items() if known.is_own and not known.field.multiple]:
            above = {id(line.row): {id(line.row.__dict__.get(name))} for line in self.lines}
            try:
                TopologicalSorter(above).prepare()
            except CycleError as error:
                said = "A record can't be its own ancestor."
                self.problems += [(line.number, name, said) for line in self.lines if id(line.row) in error.args[1]]

    async def check_uniqueness(self, session: AsyncSession) -> None:
        """Find what must be unique and is not, in the file or with what is stored."""
        rows = {line.number: line.row for line in self.lines}
        self.problems += [
            (n, name, "This value is already in use.")
            for n, name in await find_duplicates(session, self.view.model, rows)
        ]

    def show(self, row: CsvRow) -> dict[str, Any]:
        """Return what the preview shows of a row."""
        errors = [{"field": name, "message": said} for number, name, said in self.problems if number == row.number]
        status = "update" if row.number in self.targets.written else "new"
        cells = {column.name: self._shown(column.field, row.cells[name]) for name, column in self.columns.items()}
        return {"status": "error" if errors else status, "cells": cells, "errors": errors}

    def _shown(self, field: BaseField, cell: str) -> str:
        """Return a cell, with what is read where that is spelled in another way."""
        try:
            read = normalize_cell(self.request, field, cell, self.formats)
        except ValueError:
            return cell
        return f"{cell} → {read}" if cell and isinstance(read, str) and read != cell else cell


def _empty(field: BaseField) -> Any:  # noqa: ANN401
    """Return what a field has when the file says nothing of it."""
    several = isinstance(field, TagsField) or (isinstance(field, RelationField) and field.multiple)
    return [] if several and field_default(field) is None else field_default(field)


def _refer(known: ReferenceLookup, given: Mapping[FileColumn, str]) -> Any:  # noqa: ANN401
    """Return the rows that the titles and the ids of a reference name."""
    cells = {column.is_ids: cell for column, cell in given.items()}
    return known.agree(cells[False], cells[True]) if len(cells) > 1 else known.refer(*cells.values())


def _keys(rows: Any) -> Any:  # noqa: ANN401 - rows, a row, or none
    """Return what a form would send for these rows."""
    return [str(row.id) for row in rows] if isinstance(rows, list) else rows and str(rows.id)
