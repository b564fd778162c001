"""The job that writes the file of a large export, from where its last attempt stopped."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel
from sqlalchemy import Select
from starlette.datastructures import QueryParams
from starlette_admin import RequestAction

from app.admin.auth import get_visitor
from app.admin.files.columns import FileColumn, file_columns
from app.admin.files.exporters import Chunks, StreamingExporter, TextExporter
from app.admin.transfers.caller import Caller, find_view, no_permission, request_of
from app.admin.transfers.download import ExportedFile, can_export
from app.admin.urls import path_for
from app.database.keys import parse_key
from app.jobs.chunks import CHUNK_BYTES, append_chunks, count_chunks, delete_chunks, delete_old_chunks
from app.jobs.definitions import job
from app.jobs.run import JobRun

KEPT = timedelta(days=1)
"""How long the file of an export and the report of an import are kept."""
ROWS_BETWEEN_CHECKS = 2_000


class ExportTask(BaseModel):
    """What to export, in which format, for whom."""

    file: ExportedFile
    format: str
    list_query: str
    """The query string of the list, with its search and filters."""
    caller: Caller


class Export(NamedTuple):
    """What is needed to read rows, with the current permissions of the user."""

    request: Request
    view: Any
    columns: list[FileColumn]
    exporter: StreamingExporter
    found: Select[Any]


async def start_export(request: Request, view: Any, fields: list[str], name: str, *, rows: int) -> RedirectResponse:  # noqa: ANN401
    """Enqueue the export of all rows of a list, and redirect to the page that shows its progress."""
    exporter = request.state.export_type
    file = ExportedFile(view=view.key, fields=fields, name=name, content_type=exporter.content_type, rows=rows)
    list_query = request.query_params.get("_list_query", "").lstrip("?")
    task = ExportTask(file=file, format=exporter.extension, list_query=list_query, caller=Caller.of(request))
    export = export_rows.set(owner_id=get_visitor(request).user_id, label=view.key)
    job_id = await export.enqueue(request.state.session, task)
    return RedirectResponse(path_for(request, "admin:show_transfer", job_id=str(job_id)), 303)


async def open_export(run: JobRun, task: ExportTask) -> Export:
    """Prepare to read rows.

    Raises:
        JobFailed: the user lost the permission.
    """
    request = await request_of(run, task.caller, RequestAction.EXPORT)
    view = find_view(request, task.file.view)
    if not can_export(request, view, task.file.fields):
        raise no_permission()
    exporter = next(e for e in view.exporters if getattr(e, "extension", "") == task.format)
    request.state.export_type = exporter
    fields = [field for field in view.get_fields_list(request) if field.name in task.file.fields]
    query = QueryParams(task.list_query)
    filters = view._parse_filter_param(request, query)  # noqa: SLF001
    async with run.database.read_sessions() as request.state.session:
        found = await view.find_rows(request, query.get("q") or None, filters)
    return Export(request, view, file_columns(fields), exporter, found)


@job(timeout=timedelta(hours=1), encrypted=True)
async def export_rows(run: JobRun, task: ExportTask) -> ExportedFile:
    """Write the file of an export."""
    export = await open_export(run, task)
    if isinstance(export.exporter, TextExporter):
        await _write_parts(run, task, export, export.exporter)
    else:
        await _write_whole(run, task, export)
    return task.file


@job(schedule=timedelta(hours=1))
async def delete_old_files(run: JobRun) -> None:
    """Delete the files and reports that are no longer kept."""
    async with run.transaction() as session:
        await delete_old_chunks(session, KEPT)


async def _write_parts(run: JobRun, task: ExportTask, export: Export, exporter: TextExporter) -> None:
    """Write a format that can be continued. The cursor is the last row's ID, and the numbers of rows and chunks."""
    last, rows, chunks = run.cursor or ("", 0, 0)
    if not chunks or await count_chunks(run.database, run.id) != chunks:  # deleted when the job was canceled
        last, rows, chunks = "", 0, 0
        await _start_again(run)
    is_last = False
    while True:
        after = parse_key(export.view.model, last) if rows else None
        parts = [] if rows else [exporter.head(export.columns)]
        while not is_last and sum(map(len, parts)) < CHUNK_BYTES:
            cells, after = await export.view.read_chunk(export.request, export.found, export.columns, after)
            if cells:
                parts.append(exporter.body(export.columns, cells, is_first=not rows))
            rows, is_last = rows + len(cells), after is None
        last = str(after)
        if is_last:
            parts.append(exporter.tail(is_empty=not rows))
        async with run.transaction() as session:
            chunks = await append_chunks(session, run.id, "".join(parts).encode(), chunks)
            await run.save(session, cursor=[last, rows, chunks], progress=_progress(rows, task))
            if is_last:
                await run.finish(session, result=task.file)
        if is_last:
            return
        export = await open_export(run, task)


async def _write_whole(run: JobRun, task: ExportTask, export: Export) -> None:
    """Write a format whose file is complete at the end only: it is written again after an interruption."""
    await _start_again(run)
    content, chunks = export.exporter.stream(export.columns, _read_all(run, task, export)), 0
    async for part in _joined(content):
        async with run.transaction() as session:
            chunks = await append_chunks(session, run.id, part, chunks)


async def _start_again(run: JobRun) -> None:
    async with run.transaction() as session:
        await delete_chunks(session, run.id)


async def _read_all(run: JobRun, task: ExportTask, export: Export) -> Chunks:
    """Read all rows. In between, save the progress and check the permissions."""
    after, read = None, 0
    while read == 0 or after is not None:
        cells, after = await export.view.read_chunk(export.request, export.found, export.columns, after)
        yield cells
        read += len(cells)
        if read % ROWS_BETWEEN_CHECKS == 0:
            async with run.transaction() as session:
                await run.save(session, progress=_progress(read, task))
            export = await open_export(run, task)


def _progress(rows: int, task: ExportTask) -> float:
    return min(rows / (task.file.rows or 1), 1)


async def _joined(parts: AsyncIterator[str | bytes]) -> AsyncIterator[bytes]:
    """Join parts to chunks."""
    found: list[bytes] = []
    async for part in parts:
        found.append(part if isinstance(part, bytes) else part.encode())
        if sum(map(len, found)) >= CHUNK_BYTES:
            yield b"".join(found)
            found.clear()
    yield b"".join(found)
