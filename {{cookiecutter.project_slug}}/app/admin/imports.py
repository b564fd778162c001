"""Importing: all rows of a file, or none. A view offers it when it says `importers = ("csv",)`.

The library's pages ask for the file, show what would happen, and show what did. Its own way to store saves what it can.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette_admin.base import BaseAdmin
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import BaseField, BooleanField, EnumField, RelationField
from starlette_admin.helpers import JSONResponse, on_commit
from starlette_admin.importers import ImportConfig, ImportResult, ImportRowError
from starlette_admin.routing import route
from starlette_admin.types import RequestAction
from starlette_admin.views import BaseModelView

from app.admin.csv_files import Row, UnreadableFile, read_csv
from app.admin.references import find_references
from app.admin.uniqueness import find_taken

LIMITS = ImportConfig(max_upload_size=1_000_000, max_rows=5_000)
"""What fits into one transaction that others need not wait for."""
_AT_ONCE = 250
_TOLD = 100  # nobody reads more problems


def import_columns(request: Request, view: BaseModelView) -> list[str]:
    """Return the names that a file may have in its first row; those that it must have are marked."""
    fields = view.get_fields_list(request, action=RequestAction.IMPORT)
    return [f"{field.name}*" if field.required else field.name for field in fields]


class Imports(BaseAdmin):
    """The part of the site that imports."""

    @route("/_api/{key}/import", methods=["POST"], name="import")
    async def _render_import(self, request: Request) -> Response:
        """Answer, and close the file, which the library leaves open."""
        try:
            answer: Response = await super()._render_import(request)
        finally:
            await request.close()
        return answer

    async def _check_import_row_cap(self, importer: Any, ctx: Any, key: str | None) -> JSONResponse | None:  # noqa: ANN401
        """Refuse what is not a table, or not one of ours, before anything is done."""
        if importer.extension != "csv":
            return JSONResponse({"error": "Only CSV can be imported."}, 400)
        try:
            read_csv(ctx.content)
        except UnreadableFile as error:
            return JSONResponse({"error": str(error)}, 400)
        return await super()._check_import_row_cap(importer, ctx, key)

    async def _execute_import(  # noqa: PLR0913, PLR0917 - as the library has it
        self,
        importer: Any,  # noqa: ANN401, ARG002
        ctx: Any,  # noqa: ANN401
        fields: list[BaseField],
        field_by_header: dict[str, BaseField],
        request: Request,
        view: Any,  # noqa: ANN401
        preview: bool,  # noqa: FBT001
        preview_extras: dict[str, Any] | None = None,
        full_field_by_header: dict[str, BaseField] | None = None,
    ) -> ImportResult:
        """Check all rows, and store them when each of them is right."""
        names, rows = read_csv(ctx.content)
        result = ImportResult(rows_total=len(rows), dry_run=preview)
        if preview_extras is not None:
            preview_extras.update(_overview(names, rows, field_by_header, full_field_by_header or {}))
        batch = Batch(request, view, {name: field_by_header[name] for name in names if name in field_by_header})
        await batch.read(fields, rows)
        await batch.check_together()
        if not preview and not batch.problems:
            await batch.store()
        result.rows_created = 0 if batch.problems else len(rows)
        result.errors = [ImportRowError(*problem) for problem in sorted(batch.problems, key=lambda p: p[0])[:_TOLD]]
        return result


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
        data = {field.name: _default(field) for field in fields if field.name not in entered}
        for name, field in self.columns.items():
            try:
                _require_choice(self.request, field, cells[name])
                data[field.name] = await field.parse_input(self.request, cells[name])
            except ValueError as error:
                raise FormValidationError({field.name: "This cannot be read."}) from error
        await self.view.check_entered(self.request, entered, data)
        for field in self.columns.values():
            if isinstance(field, RelationField):
                data[field.name] = _refer(field, entered[field.name], found[field.name])
        await self.view.validate(self.request, data)
        return data

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
        except Exception as error:
            said = view.explain(error)
            if said is None:
                raise
            self.problems += [(0, str(name) or None, str(message)) for name, message in said.items()]
            return
        for _, _, made in self.made:
            on_commit(self.request, partial(view._emit_after_create_committed, self.request, made))  # noqa: SLF001


def _overview(
    names: list[str], rows: list[Row], chosen: dict[str, BaseField], known: dict[str, BaseField]
) -> dict[str, Any]:
    """Return what the preview shows beside the problems."""
    mapping = [{"header": n, "field": known[n].name, "selected": n in chosen} for n in names if n in known]
    sample = [{chosen[n].name: row.cells[n] for n in names if n in chosen} for row in rows[:10]]
    return {
        "headers": names,
        "mapping": mapping,
        "unmatched_headers": [name for name in names if name not in known],
        "sample": [{"status": "new", "cells": cells, "errors": []} for cells in sample],
    }


def _default(field: BaseField) -> Any:  # noqa: ANN401
    return field.default() if callable(field.default) else field.default


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
