"""Exports of any length: rows are read and sent a few at a time, so that nobody waits meanwhile and no memory fills."""

import csv
import io
import re
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
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
from starlette_admin.fields import BaseField, FloatField, NumberField
from starlette_admin.flash import flash
from starlette_admin.helpers import json_dumps
from starlette_admin.views import build_export_form

from app.admin.large import LargeView
from app.admin.refusals import readable
from app.http import get_database

SLICE = 100
"""Rows that are read and written without a pause: some ten milliseconds."""

# https://owasp.org/www-community/attacks/CSV_Injection, with the full-width and small forms of the same characters.
# Excel parts cells at a semicolon, quoted or not, where the comma is the decimal point.
_BEFORE_FORMULA = re.compile(r"(^|;)(?=\s*[-=+@\uff0d\uff1d\uff0b\uff20\ufe63\ufe66\ufe62\ufe6b]|[\t\r\n])")

Slices: TypeAlias = AsyncIterator[Sequence[dict[str, Any]]]


class StreamedExporter(BaseExporter):
    """A format that is written a few rows at a time."""

    most_rows: int | None = None
    """What a file may hold."""

    @abstractmethod
    def stream(self, fields: Sequence[BaseField], slices: Slices) -> AsyncIterator[str | bytes]:
        """Write the names of the columns, and then the rows."""


class StreamedCsv(StreamedExporter, CsvExporter):
    """CSV in which no cell is a formula, and a list is written as JSON."""

    async def stream(self, fields: Sequence[BaseField], slices: Slices) -> AsyncIterator[str]:
        """Write the names of the columns, and then the rows."""
        yield self._written([[_title(field) for field in fields]])
        async for rows in slices:
            yield self._written([[_cell(field, row[field.name]) for field in fields] for row in rows])

    def _written(self, rows: list[list[object]]) -> str:
        output = io.StringIO()
        csv.writer(output, **self.fmtparams).writerows(rows)
        return output.getvalue()


class StreamedJson(StreamedExporter, JsonExporter):
    """A JSON array, a row on each line."""

    async def stream(self, fields: Sequence[BaseField], slices: Slices) -> AsyncIterator[str]:
        """Write the rows."""
        between = "[\n"
        async for rows in slices:
            if rows:
                cells = [{_title(field): row[field.name] for field in fields} for row in rows]
                yield between + ",\n".join(json_dumps(row, ensure_ascii=False) for row in cells)
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
        name = str(form.get("filename") or "").strip() or str(self.key)

        items: Sequence[Any]
        if form.get("scope") != "page" and selection.is_select_all:
            found = await self._apply_search_and_filters(
                request, self.get_list_query(request), selection.q, selection.filters
            )
            items = range(await readable(self._count_all(request, found)))
            slices = self._read_all(request, found, fields)
        else:
            items = await self._chosen(request, selection)
            slices = self._read(request, items, fields)
        if exporter.most_rows is not None and len(items) > exporter.most_rows:
            flash(request, f"This format holds {exporter.most_rows:,} rows. Export CSV, or look for fewer.", "error")
            return RedirectResponse(request.url_for("admin:list", key=self.key), 303)
        told = ExportContext(fields=fields, rows=[], view=self, request=request, filename=name)
        await self._emit_before_export(request, exporter, items, told)
        await self._emit_after_export(request, exporter, items, told)
        return StreamingResponse(
            exporter.stream(fields, slices),
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

    async def _read(self, request: Request, rows: Sequence[Any], fields: Sequence[BaseField]) -> Slices:
        yield [await self._cells(request, row, fields) for row in rows]

    async def _read_all(self, request: Request, found: Select[Any], fields: Sequence[BaseField]) -> Slices:
        """Read on after the last row, with a connection for no longer than that takes: downloads may be slow."""
        query = found.order_by(self.model.id.desc()).limit(SLICE).options(*self._shown_relations(request))
        after = query
        while True:
            async with get_database(request).reads() as session:
                rows = (await session.scalars(after)).unique().all()
                await self.prepare(request, session, rows)
            yield [await self._cells(request, row, fields) for row in rows]
            if len(rows) < SLICE:
                return
            after = query.where(self.model.id < rows[-1].id)

    async def _cells(self, request: Request, row: object, fields: Sequence[BaseField]) -> dict[str, Any]:
        return {
            field.name: await self.serialize_field_value(await field.parse_obj(request, row), field, request)
            for field in fields
        }


def _title(field: BaseField) -> str:
    return field.label or field.name


def _cell(field: BaseField, value: object) -> object:
    """Return a number as it is, and a text so that no spreadsheet takes it, or a part behind `;`, for a formula."""
    if isinstance(value, list | dict):
        value = json_dumps(value, ensure_ascii=False)
    if isinstance(field, NumberField | FloatField) or not isinstance(value, str):
        return value
    return _BEFORE_FORMULA.sub(r"\1'", value)
