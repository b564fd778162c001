"""The rows of an imported file, on their way into the database: all of them, or none."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

from fastapi import Request
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import BaseField, BooleanField, EnumField, RelationField
from starlette_admin.helpers import on_commit

from app.admin.csv_files import Row
from app.admin.fields import default_value
from app.admin.references import find_references
from app.admin.uniqueness import find_taken

_AT_ONCE = 250


class Batch:
    """The rows of one file, on their way into the database."""

    def __init__(self, request: Request, view: Any, columns: dict[str, BaseField]) -> None:  # noqa: ANN401
        self.request, self.view, self.columns = request, view, columns
        self.made: list[tuple[int, dict[str, Any], Any]] = []
        self.problems: list[tuple[int, str | None, str]] = []

    async def read(self, fields: list[BaseField], rows: list[Row]) -> None:
        """Read every row as strictly as a form, and make what would be stored."""
        if not self.columns:
            self.problems.append((1, None, "No column has the name of a field."))
            return
        relations = [(name, f) for name, f in self.columns.items() if isinstance(f, RelationField)]
        found = {
            field.name: await find_references(
                self.request, self.view, field, {key for row in rows for key in _keys(field, row.cells[name])}
            )
            for name, field in relations
        }
        for index, row in enumerate(rows):
            if index % 20 == 0:
                await asyncio.sleep(0)  # others are served too
            try:
                data = await self._read(fields, row.cells, found)
                made = await self.view._populate_obj(self.request, self.view.model(), data)  # noqa: SLF001
            except FormValidationError as error:
                self.problems += [(row.number, str(name) or None, str(said)) for name, said in error.errors.items()]
            else:
                self.made.append((row.number, data, made))

    async def _read(
        self, fields: list[BaseField], cells: dict[str, str], found: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        entered = {field.name: cells[name] for name, field in self.columns.items()}
        data = {field.name: default_value(field) for field in fields if field.name not in entered}
        for name, field in self.columns.items():
            try:
                _require_choice(self.request, field, cells[name])
                data[field.name] = await field.parse_input(self.request, cells[name])
            except ValueError as error:
                raise FormValidationError({field.name: "This cannot be read."}) from error
        await self.view.validate_fields(self.request, data)
        for field in self.columns.values():
            if isinstance(field, RelationField):
                data[field.name] = _refer(field, entered[field.name], found[field.name])
        await self.view.validate(self.request, data)
        return data

    def show(self, row: Row) -> dict[str, Any]:
        """Return what the preview shows of a row."""
        errors = [{"field": name, "message": said} for number, name, said in self.problems if number == row.number]
        cells = {field.name: row.cells[name] for name, field in self.columns.items()}
        return {"status": "error" if errors else "new", "cells": cells, "errors": errors}

    async def check_together(self) -> None:
        """Find what must be unique and is not, in the file or with what is stored."""
        rows = {number: made for number, _, made in self.made}
        for number, name in await find_taken(self.request.state.session, self.view.model, rows):
            self.problems.append((number, name, "This is taken."))

    async def store(self) -> None:
        """Store all rows; what is refused now, such as a title that someone took meanwhile, refuses all."""
        session, view = self.request.state.session, self.view
        try:
            async with session.begin_nested():
                for start in range(0, len(self.made), _AT_ONCE):  # others are served in between
                    part = self.made[start : start + _AT_ONCE]
                    for _, data, made in part:
                        await view._emit_before_create(self.request, data, made)  # noqa: SLF001
                    session.add_all(made for _, _, made in part)
                    await session.flush()
                    for _, _, made in part:
                        await view._emit_after_create(self.request, made)  # noqa: SLF001
                        await view.record_created(self.request, made)
        except Exception as error:
            said = view.explain(error)
            if said is None:
                raise
            self.problems += [(0, str(name) or None, str(message)) for name, message in said.items()]
            return
        for _, _, made in self.made:
            on_commit(self.request, partial(view._emit_after_create_committed, self.request, made))  # noqa: SLF001


def _require_choice(request: Request, field: BaseField, cell: str) -> None:
    """Refuse what no form would send; the library takes it for "no", or leaves it to the database."""
    if isinstance(field, BooleanField):
        known = {"yes", "no", "true", "false", ""}
    elif isinstance(field, EnumField):
        known = {str(value).lower() for value, _ in field._get_choices(request)} | {""}  # noqa: SLF001
    else:
        return
    if cell.lower() not in known:
        raise ValueError(cell)


def _keys(field: RelationField, cell: str) -> Iterator[str]:
    """Split what a cell refers to, as it is exported: one in each line."""
    return (key.strip() for key in (cell.split("\n") if field.multiple else [cell]) if key.strip())


def _refer(field: RelationField, cell: str, found: dict[str, Any]) -> Any:  # noqa: ANN401
    keys = [*_keys(field, cell)]
    if missing := [key for key in keys if key not in found]:
        raise FormValidationError({field.name: f"There is no such row, or more than one: {missing[0][:80]}"})
    rows = [found[key] for key in keys]
    return rows if field.multiple else next(iter(rows), None)
