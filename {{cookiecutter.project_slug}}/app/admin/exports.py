"""Exports of any length: rows are read and sent a few at a time, so that nobody waits meanwhile and no memory fills."""

import csv
import io
import json
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import QueryParams
from starlette_admin import RequestAction
from starlette_admin.actions import ActionSelection, action
from starlette_admin.export import BaseExporter, CsvExporter, ExportContext, JsonExporter
from starlette_admin.fields import BaseField, RelationField
from starlette_admin.flash import flash
from starlette_admin.views import build_export_form

from app.admin.cells import write_value
from app.admin.columns import Column, columns_of
from app.admin.large import LargeView
from app.admin.refusals import readable
from app.dependencies import get_database

SLICE = 100
"""Rows that are read and written without a pause: some ten milliseconds."""

_TYPED = bool | int | float | Decimal | date | time

Slices: TypeAlias = AsyncIterator[Sequence[dict[str, Any]]]


class StreamedExporter(BaseExporter):
    """A format that is written a few rows at a time."""

    most_rows: int | None = None
    """What a file may hold."""

    @abstractmethod
    def stream(self, columns: Sequence[Column], slices: Slices) -> AsyncIterator[str | bytes]:
        """Write the names of the columns, and then the rows."""


class StreamedCsv(StreamedExporter, CsvExporter):
    """CSV in which no cell is a formula, and a list is written as JSON."""

    async def stream(self, columns: Sequence[Column], slices: Slices) -> AsyncIterator[str]:
        """Write the names of the columns, and then the rows, after the mark by which Excel recognizes UTF-8."""
        yield "\ufeff" + self._written([[column.label for column in columns]])
        async for rows in slices:
            yield self._written([[write_value(row[column.name]) for column in columns] for row in rows])

    def _written(self, rows: list[list[object]]) -> str:
        output = io.StringIO()
        csv.writer(output, **self.fmtparams).writerows(rows)
        return output.getvalue()


class StreamedJson(StreamedExporter, JsonExporter):
    """A JSON array, a row on each line; its keys are the names of fields, as in the API."""

    async def stream(self, columns: Sequence[Column], slices: Slices) -> AsyncIterator[str]:
        """Write the rows."""
        between = "[\n"
        async for rows in slices:
            if rows:
                cells = [{column.name: row[column.name] for column in columns} for row in rows]
                yield between + ",\n".join(json.dumps(row, ensure_ascii=False, default=_as_json) for row in cells)
                between = ",\n"
        yield "[]" if between == "[\n" else "\n]"


class ExportingView(LargeView):
    """What `ModelView` does to export; formats that are no streams are made by the library, in memory."""

    exporters: Sequence[BaseExporter | str] = (StreamedCsv(), StreamedJson())

    @action(
        "export",
        "Export",
        "",
        header="Configure your export",
        icon_class="list.export",
        submit_btn_text="Export",
        form=build_export_form,
        custom_response=True,
        allow_empty_selection=True,
        dedicated_button=True,
        modal_size="lg",
    )
    async def export_action(self, request: Request, selection: ActionSelection) -> Response:
        """Send the chosen rows, or the page in its order, or all that are found, newest first."""
        request.state.action = RequestAction.EXPORT
        form = await request.form()
        exporter = next((e for e in self.exporters if getattr(e, "extension", "") == form.get("format")), None)
        if not isinstance(exporter, StreamedExporter):
            answer: Response = await super().export_action(request, selection)
            return answer
        request.state.export_type = exporter  # by it, the library knows whether a list may stay one
        shown, chosen = self.get_fields_list(request), form.getlist("fields")
        fields = [field for field in shown if field.name in chosen] or list(shown)
        columns = columns_of(fields)
        name = str(form.get("filename") or "").strip() or str(self.key)

        items: Sequence[Any]
        if form.get("scope") != "page" and selection.is_select_all:
            found = await self._apply_search_and_filters(
                request, self.get_list_query(request), selection.q, selection.filters
            )
            items = range(await readable(self._count_all(request, found)))
            slices = self._read_all(request, found, columns)
        else:
            items = await self._chosen(request, selection)
            slices = self._read(request, items, columns)
        if exporter.most_rows is not None and len(items) > exporter.most_rows:
            flash(request, f"This format holds {exporter.most_rows:,} rows. Export CSV, or look for fewer.", "error")
            return RedirectResponse(request.url_for("admin:list", key=self.key), 303)
        told = ExportContext(fields=fields, rows=[], view=self, request=request, filename=name)
        await self._emit_before_export(request, exporter, items, told)
        await self._emit_after_export(request, exporter, items, told)
        return StreamingResponse(
            exporter.stream(columns, slices),
            media_type=exporter.content_type,
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.{exporter.extension}"
            },
        )

    async def prepare(self, request: Request, session: AsyncSession, rows: Sequence[Any]) -> None:
        """Look up what is needed to show these rows: a page of a list, one row, or a part of an export."""

    async def _chosen(self, request: Request, selection: ActionSelection) -> Sequence[Any]:
        if (await request.form()).get("scope") != "page":
            return await self.find_by_pks(request, await selection.pks())
        at = self._parse_list_params(request, QueryParams(request.query_params.get("_list_query", "").lstrip("?")))
        return await self.find_all(request, (at.page - 1) * at.page_size, at.page_size, at.q, at.sorts, at.filters)

    async def _count_all(self, request: Request, found: Select[Any]) -> int:
        keys = found.with_only_columns(self.model.id).subquery()
        return int(await request.state.session.scalar(select(func.count()).select_from(keys)))

    async def _read(self, request: Request, rows: Sequence[Any], columns: Sequence[Column]) -> Slices:
        yield [await self.export_cells(request, row, columns) for row in rows]

    async def _read_all(self, request: Request, found: Select[Any], columns: Sequence[Column]) -> Slices:
        """Read on after the last row, with a connection for no longer than that takes: downloads may be slow."""
        query = found.order_by(self.model.id.desc()).limit(SLICE).options(*self._shown_relations(request))
        after = query
        while True:
            async with get_database(request).reads() as session:
                rows = (await session.scalars(after)).unique().all()
                await self.prepare(request, session, rows)
            yield [await self.export_cells(request, row, columns) for row in rows]
            if len(rows) < SLICE:
                return
            after = query.where(self.model.id < rows[-1].id)

    async def export_cells(self, request: Request, row: object, columns: Sequence[Column]) -> dict[str, Any]:
        """Return what a file has of a row: numbers and times as such, and rows by their titles and their ids."""
        cells: dict[str, Any] = {}
        for column in columns:
            field = column.field
            value = await field.parse_obj(request, row)
            if isinstance(field, RelationField):
                cells[column.name] = self._refer(request, field, value, ids=column.is_ids)
            elif isinstance(value, _TYPED) and _is_plain(field):
                cells[column.name] = value
            else:
                cells[column.name] = await self.serialize_field_value(value, field, request)
        return cells

    def _refer(self, request: Request, field: RelationField, value: Any, *, ids: bool) -> Any:  # noqa: ANN401
        foreign: Any = self._find_foreign_view(field.key or "")
        rows = value if isinstance(value, list) else [value] if value is not None else []
        if ids:
            said = [str(row.id) for row in rows]
        else:
            seen = request.state.seen
            said = [foreign.title_of(request, row) or str(row.id) if row.id in seen else "" for row in rows]
        if not field.multiple:
            return next(iter(said), None)
        exporter = getattr(request.state, "export_type", None)
        return said if isinstance(exporter, JsonExporter) else "\n".join(said)


def _is_plain(field: BaseField) -> bool:
    """Tell whether the library alone decides how a field is written."""
    written_by = type(field).serialize_value.__module__
    return written_by.startswith("starlette_admin.") and RequestAction.EXPORT not in (field.formatter or {})


def _as_json(value: object) -> str:
    """Write a number of any precision, and times in ISO 8601."""
    return value.isoformat() if isinstance(value, date | time) else str(value)
