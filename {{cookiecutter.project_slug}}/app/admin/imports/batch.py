"""Parse and validate the rows of an imported file by the same rules as forms."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import product
from typing import Any, NamedTuple, TypeAlias

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

from app.admin.base.changed_data import SubmittedData
from app.admin.base.changes import snapshot
from app.admin.base.error_messages import KEY_CONFLICT, taken_messages
from app.admin.base.fields import field_default
from app.admin.base.form_parsing import InvalidInput
from app.admin.files.cells import invalid_cell_message, normalize_cell
from app.admin.files.columns import FileColumn, normalize_header
from app.admin.files.csv_files import CsvRow
from app.admin.files.formats import ImportFormats
from app.admin.imports.reference_lookup import ReferenceLookup, add_row
from app.admin.imports.row_matching import RowMatcher, entered_key
from app.admin.imports.uniqueness import column_value, find_duplicates
from app.database.constraints import comparisons_of
from app.database.keys import key_of
from app.i18n import gettext

OnProgress: TypeAlias = Callable[[float], Awaitable[None]]
_ROWS_PER_PROGRESS = 500
_NOT_TEXT = BooleanField | EnumField | NumberField | FloatField | JSONField | TagsField


class ImportRow(NamedTuple):
    """A new or changed row of an import."""

    number: int
    record: Any
    data: dict[str, Any]
    before: Mapping[str, Any] | None
    """Old values of an existing row; None for a new one."""


class ImportBatch:
    """The rows of a file. After `load`, none of them is in a session."""

    def __init__(
        self,
        request: Request,
        view: Any,  # noqa: ANN401
        columns: Mapping[str, FileColumn],
        rows: Sequence[CsvRow],
        formats: ImportFormats,
    ) -> None:
        self.request, self.view, self.columns, self.rows, self.formats = request, view, columns, rows, formats
        self.later_rows: Sequence[CsvRow] = ()
        """Rows that aren't imported, but to which the others may refer."""
        self.fields: list[BaseField] = [*view.get_fields_list(request)]
        self.references: dict[str, ReferenceLookup] = {}
        self.matcher = RowMatcher(request, view, self.fields, rows)
        self.import_rows: list[ImportRow] = []
        self.unchanged = 0
        self.errors: list[tuple[int, str | None, str]] = []

    async def load(self, session: AsyncSession, match: str, header: str) -> None:
        """Load the rows that the file changes, matched by the column `header`, and those that it refers to."""
        if match:
            self.errors += await self.matcher.find_rows(session, match, header)
        for name, column in self.columns.items():
            if isinstance(column.field, RelationField):
                lookup = ReferenceLookup(self.request, self.view, column.field)
                await self.references.setdefault(column.field.name, lookup).load({row.cells[name] for row in self.rows})
        session.expunge_all()
        self._name_own_rows()

    def _name_own_rows(self) -> None:
        """Let rows refer to other rows of the same file, by title or by ID."""
        lookups = [lookup for lookup in self.references.values() if lookup.is_own]
        key = normalize_header(self.view.pk_attr)
        titles = [n for n, c in self.columns.items() if c.field.name == self.view.title_field and not c.is_ids]
        ids = [name for name in self.rows[0].cells if normalize_header(name) == key]
        for lookup, row in product(lookups, (*self.rows, *self.later_rows)):
            record = self.matcher.records.get(row.number) or self.view.model()
            for name in titles:
                add_row(lookup.rows_by_title, entered_key(self.view.model, row, name), record)
            for name in ids:
                add_row(lookup.rows_by_id, entered_key(self.view.model, row, name), record)

    async def parse(self, on_progress: OnProgress | None = None) -> None:
        """Parse and validate every row."""
        invalid = {number for number, _, _ in self.errors}
        for index, row in enumerate(row for row in self.rows if row.number not in invalid):
            if index % 20 == 0:
                await asyncio.sleep(0)  # let other requests run
            if on_progress and index % _ROWS_PER_PROGRESS == 0:
                await on_progress(index / len(self.rows))
            exported = self.matcher.exported_cells.get(row.number)
            try:
                await (self._parse_new(row) if exported is None else self._parse_existing(row, exported))
            except FormValidationError as error:
                self.errors += [(row.number, str(name) or None, str(message)) for name, message in error.errors.items()]
        self._reject_cycles()

    async def _parse_new(self, row: CsvRow) -> None:
        data = {field.name: _default_value(field) for field in self.fields}
        await self._parse_cells(data, {column: row.cells[name] for name, column in self.columns.items()})
        record = await self.view._populate_obj(self.request, self.matcher.records[row.number], data)  # noqa: SLF001
        self.import_rows.append(ImportRow(row.number, record, data, None))

    async def _parse_existing(self, row: CsvRow, exported: Mapping[str, str]) -> None:
        """Set the fields whose cells differ from an export, so that unedited cells don't lose precision."""
        target = self.matcher.records[row.number]
        entered = {c: row.cells[name] for name, c in self.columns.items() if row.cells[name] != exported[c.name]}
        before = await snapshot(self.view, self.request, target)
        names = {column.field.name for column in entered}
        if self.view.pk_attr in names:
            raise FormValidationError({self.view.pk_attr: gettext(KEY_CONFLICT)})
        data = SubmittedData((f.name, None if f.name in names else getattr(target, f.name, None)) for f in self.fields)
        data.row = target
        await self._parse_cells(data, entered)
        changed = [name for name in names if data[name] != getattr(target, name)]
        for name in changed:
            setattr(target, name, data[name])
        if changed:
            self.import_rows.append(ImportRow(row.number, target, data, before))
        else:
            self.unchanged += 1

    async def _parse_cells(self, data: dict[str, Any], entered: Mapping[FileColumn, str]) -> None:
        """Parse cells into the data of a row, resolve references, and validate all of it."""
        errors: dict[str | int, Any] = {}
        cells = {column: cell for column, cell in entered.items() if not isinstance(column.field, RelationField)}
        for column, cell in cells.items():
            try:
                data[column.field.name] = await self._parse_cell(column.field, cell, data[column.field.name])
            except ValueError:
                errors[column.field.name] = invalid_cell_message(self.request, column.field, cell)
        for name, lookup in self.references.items():
            references = {column: cell for column, cell in entered.items() if column.field.name == name}
            try:
                data[name] = _resolve(lookup, references) if references else data[name]
            except ValueError as error:
                errors[name] = str(error)
        if errors:
            raise FormValidationError(errors)
        rows = {f.name: data[f.name] for f in self.fields if isinstance(f, RelationField)}
        data |= {name: _form_value(value) for name, value in rows.items()}
        await self.view.validate_fields(self.request, data)
        data |= rows
        await self.view.validate(self.request, data)

    async def _parse_cell(self, field: BaseField, cell: str, default: Any) -> Any:  # noqa: ANN401
        """Return the value of a cell. An empty cell of a field other than text is treated like a missing column."""
        if not cell.strip() and isinstance(field, _NOT_TEXT):
            return default if self.view.requires_value(field) else ([] if isinstance(field, TagsField) else None)
        value = await field.parse_input(self.request, normalize_cell(self.request, field, cell, self.formats))
        if isinstance(value, InvalidInput) or (value is None and cell.strip() and not isinstance(field, JSONField)):
            raise ValueError(cell)
        return value

    def _reject_cycles(self) -> None:
        """Reject rows of the file that are their own ancestors: the ORM couldn't order their inserts."""
        for name in [name for name, lookup in self.references.items() if lookup.is_own and not lookup.field.multiple]:
            parents = {id(row.record): {id(row.record.__dict__.get(name))} for row in self.import_rows}
            try:
                TopologicalSorter(parents).prepare()
            except CycleError as error:
                numbers = [row.number for row in self.import_rows if id(row.record) in error.args[1]]
                self.errors += [(number, name, gettext("A record can't be its own ancestor.")) for number in numbers]

    async def check_uniqueness(self, session: AsyncSession) -> None:
        """Add an error for each duplicate of a unique value, in the file or in the database."""
        rows = {row.number: row.record for row in self.import_rows}
        duplicates = await find_duplicates(session, self.view.model, rows)
        for number, columns in duplicates:
            messages = taken_messages(columns)
            self.errors += [(number, str(self.view._field_name(name)), messages[name]) for name in messages]  # noqa: SLF001

    def check_comparisons(self) -> None:
        """Add an error for each comparison that a row doesn't meet."""
        model = self.view.model
        columns = model.__table__.c
        for row, item in product(self.import_rows, comparisons_of(model)):
            if not item.is_met(lambda name: column_value(model, row.record, columns[name])):  # noqa: B023 - called here
                name = self.view._field_name(item.field)  # noqa: SLF001
                self.errors.append((row.number, name, f"{gettext(item.message)}."))

    def preview_row(self, row: CsvRow) -> dict[str, Any]:
        """Return a row of the preview."""
        errors = [{"field": name, "message": message} for number, name, message in self.errors if number == row.number]
        status = "update" if row.number in self.matcher.exported_cells else "new"
        cells = {c.name: self._preview_cell(c.field, row.cells[name]) for name, c in self.columns.items()}
        return {"status": "error" if errors else status, "cells": cells, "errors": errors}

    def _preview_cell(self, field: BaseField, cell: str) -> str:
        """Return a cell, with the normalized value if it differs."""
        try:
            value = normalize_cell(self.request, field, cell, self.formats)
        except ValueError:
            return cell
        return f"{cell} → {value}" if cell and isinstance(value, str) and value != cell else cell


def _default_value(field: BaseField) -> Any:  # noqa: ANN401
    """Return the value of a field without a column."""
    is_list = isinstance(field, TagsField) or (isinstance(field, RelationField) and field.multiple)
    return [] if is_list and field_default(field) is None else field_default(field)


def _resolve(lookup: ReferenceLookup, references: Mapping[FileColumn, str]) -> Any:  # noqa: ANN401
    """Return the rows that the title column, the ID column or both refer to."""
    cells = {column.is_ids: cell for column, cell in references.items()}
    if len(cells) > 1:
        return lookup.resolve_with_ids(cells[False], cells[True])
    ((is_ids, cell),) = cells.items()
    return lookup.resolve(cell, is_ids=is_ids)


def _form_value(rows: Any) -> Any:  # noqa: ANN401 - rows, a row or None
    """Return the IDs that a form would send for these rows."""
    return [str(key_of(row)) for row in rows] if isinstance(rows, list) else rows and str(key_of(rows))
