"""Streaming exports: rows are read and sent in chunks, so memory use is constant and other requests don't wait.

Jobs write the files of large ones: `app/admin/transfers`.
"""

from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import QueryParams
from starlette_admin import RequestAction
from starlette_admin.actions import ActionSelection, action
from starlette_admin.export import BaseExporter, ExportContext, JsonExporter
from starlette_admin.fields import BaseField, RelationField
from starlette_admin.filters import FilterGroup
from starlette_admin.flash import flash
from starlette_admin.views import build_export_form

from app.admin.base.error_messages import run_query
from app.admin.base.list_view import ListView
from app.admin.files.columns import FileColumn, file_columns
from app.admin.files.exporters import Chunks, StreamingCsvExporter, StreamingExporter, StreamingJsonExporter
from app.admin.transfers.download import attachment
from app.admin.transfers.jobs import start_export
from app.api.dependencies import get_database
from app.database.keys import key_column, key_of
from app.formatting import format_number
from app.i18n import gettext

CHUNK_SIZE = 100
"""Rows per chunk, about ten milliseconds of work."""

LARGE_EXPORT = 10_000
"""Rows of the largest export that is sent at once, in about a second; a job writes the file of a larger one."""

_TYPED = bool | int | float | Decimal | date | time


class ExportView(ListView):
    """The part of `ModelView` that exports rows. The library creates formats that can't be streamed, in memory."""

    exporters: Sequence[BaseExporter | str] = (StreamingCsvExporter(), StreamingJsonExporter())

    @action(
        "export",
        "Export",
        "",
        header="Export options",
        icon_class="list.export",
        submit_btn_text="Export",
        form=build_export_form,
        custom_response=True,
        allow_empty_selection=True,
        dedicated_button=True,
        modal_size="lg",
    )
    async def export_action(self, request: Request, selection: ActionSelection) -> Response:
        """Export the selected rows, the current page in its order, or all rows found, newest first."""
        request.state.action = RequestAction.EXPORT
        form = await request.form()
        exporter = next((e for e in self.exporters if getattr(e, "extension", "") == form.get("format")), None)
        if not isinstance(exporter, StreamingExporter):
            answer: Response = await super().export_action(request, selection)
            return answer
        request.state.export_type = exporter  # the library reads it to format lists
        available, selected = self.get_fields_list(request), form.getlist("fields")
        fields = [field for field in available if field.name in selected] or list(available)
        columns = file_columns(fields)
        name = str(form.get("filename") or "").strip() or str(self.key)

        items: Sequence[Any]
        if form.get("scope") != "page" and selection.is_select_all:
            found = await self.find_rows(request, selection.q, selection.filters)
            items = range(await run_query(self._count_all(request, found)))
            chunks = self._read_all(request, found, columns)
        else:
            items = await self._selected(request, selection)
            chunks = self._read(request, items, columns)
        if exporter.max_rows is not None and len(items) > exporter.max_rows:
            flash(
                request,
                gettext(
                    "This format is limited to %(rows)s rows. Export as CSV, or filter the list.",
                    rows=format_number(exporter.max_rows),
                ),
                "error",
            )
            return RedirectResponse(request.url_for("admin:list", key=self.key), 303)
        context = ExportContext(fields=fields, rows=[], view=self, request=request, filename=name)
        await self._emit_before_export(request, exporter, items, context)
        await self._emit_after_export(request, exporter, items, context)
        name = f"{name}.{exporter.extension}"
        if isinstance(items, range) and len(items) > LARGE_EXPORT:
            return await start_export(request, self, [field.name for field in fields], name, rows=len(items))
        return StreamingResponse(
            exporter.stream(columns, chunks), media_type=exporter.content_type, headers=attachment(name)
        )

    async def prefetch(self, request: Request, session: AsyncSession, rows: Sequence[Any]) -> None:
        """Load what the display of these rows needs: a page of a list, a row, or a chunk of an export."""

    async def _selected(self, request: Request, selection: ActionSelection) -> Sequence[Any]:
        if (await request.form()).get("scope") != "page":
            return await self.find_by_pks(request, await selection.pks())
        at = self._parse_list_params(request, QueryParams(request.query_params.get("_list_query", "").lstrip("?")))
        return await self.find_all(request, (at.page - 1) * at.page_size, at.page_size, at.q, at.sorts, at.filters)

    async def _count_all(self, request: Request, found: Select[Any]) -> int:
        keys = found.with_only_columns(key_column(self.model)).subquery()
        return int(await request.state.session.scalar(select(func.count()).select_from(keys)))

    async def _read(self, request: Request, rows: Sequence[Any], columns: Sequence[FileColumn]) -> Chunks:
        yield [await self.export_row(request, row, columns) for row in rows]

    async def find_rows(self, request: Request, q: str | None, filters: FilterGroup | None) -> Select[Any]:
        """Return the query for all rows that match a search and filters."""
        return await self._apply_search_and_filters(request, self.get_list_query(request), q, filters)

    async def _read_all(self, request: Request, found: Select[Any], columns: Sequence[FileColumn]) -> Chunks:
        """Read rows in chunks. Slow downloads hold no connection between chunks."""
        after: Any = None
        while True:
            rows, after = await self.read_chunk(request, found, columns, after)
            yield rows
            if after is None:
                return

    async def read_chunk(
        self,
        request: Request,
        found: Select[Any],
        columns: Sequence[FileColumn],
        after: Any,  # noqa: ANN401
    ) -> tuple[Sequence[dict[str, Any]], Any]:
        """Return the cells of the next rows, by ID, and the ID to continue after: None after the last row."""
        key = key_column(self.model)
        query = found.order_by(key.desc()).limit(CHUNK_SIZE).options(*self._shown_relations(request))
        query = query if after is None else query.where(key < after)
        async with get_database(request).read_sessions() as session:
            rows = (await session.scalars(query)).unique().all()
            await self.prefetch(request, session, rows)
        cells = [await self.export_row(request, row, columns) for row in rows]
        return cells, key_of(rows[-1]) if len(rows) == CHUNK_SIZE else None

    async def export_row(self, request: Request, row: object, columns: Sequence[FileColumn]) -> dict[str, Any]:
        """Return the cells of a row: numbers and times as values, references as titles and IDs."""
        cells: dict[str, Any] = {}
        for column in columns:
            field = column.field
            value = await field.parse_obj(request, row)
            if isinstance(field, RelationField):
                cells[column.name] = self._reference_cell(request, field, value, ids=column.is_ids)
            elif isinstance(value, _TYPED) and _is_plain(field):
                cells[column.name] = value
            else:
                cells[column.name] = await self.serialize_field_value(value, field, request)
        return cells

    def _reference_cell(self, request: Request, field: RelationField, value: Any, *, ids: bool) -> Any:  # noqa: ANN401
        foreign: Any = self._find_foreign_view(field.key or "")
        rows = value if isinstance(value, list) else [value] if value is not None else []
        if ids:
            texts = [str(key_of(row)) for row in rows]
        else:
            visible = request.state.visible_ids[str(field.key)]
            keys = {row: key_of(row) for row in rows}
            texts = [foreign.title_of(request, row) or str(keys[row]) if keys[row] in visible else "" for row in rows]
        if not field.multiple:
            return next(iter(texts), None)
        exporter = getattr(request.state, "export_type", None)
        return texts if isinstance(exporter, JsonExporter) else "\n".join(texts)


def _is_plain(field: BaseField) -> bool:
    """Return whether the library's own serialization and no formatter is used."""
    module = type(field).serialize_value.__module__
    return module.startswith("starlette_admin.") and RequestAction.EXPORT not in (field.formatter or {})
