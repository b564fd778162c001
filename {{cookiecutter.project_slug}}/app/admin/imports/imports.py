"""CSV imports in a single transaction. Enable with `importers = ("csv",)`.

The library's pages ask for the file, show what would happen, and show what did. Its own way to store saves what it can.
"""

from typing import Any, NamedTuple

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette_admin import RequestAction
from starlette_admin.base import BaseAdmin
from starlette_admin.helpers import JSONResponse
from starlette_admin.importers import ImportConfig, ImportContext, ImportResult, ImportRowError
from starlette_admin.routing import route
from starlette_admin.views import BaseModelView

from app.admin.files.columns import FileColumn, match_columns, normalize_header
from app.admin.files.csv_files import CsvTable, InvalidFile, read_csv
from app.admin.files.formats import ImportFormats
from app.admin.imports.batch import ImportBatch
from app.admin.imports.saving import save_batch
from app.admin.imports.uniqueness import unique_text_columns
from app.api.dependencies import get_database

IMPORT_LIMITS = ImportConfig(max_upload_size=1_000_000, max_rows=5_000)
"""What is read and stored in a few seconds."""
_TOLD = 100  # nobody reads more problems


class Upload(NamedTuple):
    """A file, and what the person says of it."""

    table: CsvTable
    content: bytes
    known: dict[str, FileColumn]
    """Columns by their names in the file."""
    chosen: dict[str, FileColumn]
    match: str
    """The field by which rows of the file are found in the database; without one, all are new."""
    formats: ImportFormats


def import_columns(request: Request, view: BaseModelView) -> list[str]:
    """Return the names that a file may have in its first row; those that it must have are marked."""
    fields = view.get_fields_list(request, action=RequestAction.IMPORT)
    return [f"{field.name}*" if field.required else field.name for field in fields]


def import_match_fields(request: Request, view: Any) -> list[str]:  # noqa: ANN401 - a ModelView
    """Return the fields by which a file can name the rows that it changes."""
    if not view.can_edit(request):
        return []
    shown = {field.name for field in view.get_fields_list(request, action=RequestAction.IMPORT)}
    return ["id", *(name for name in unique_text_columns(view.model) if name in shown)]


class ImportSiteMixin(BaseAdmin):
    """The part of the site that imports."""

    @route("/_api/{key}/import", methods=["POST"], name="import")
    async def _render_import(self, request: Request) -> Response:
        """Preview a file, or store it. A bug is an error of the server, and in the log; the library would hide it."""
        request.state.action = RequestAction.IMPORT
        view: Any = self._find_view_by_key(request.path_params["key"])
        if not view.is_accessible(request) or not view.can_import(request):
            raise HTTPException(403)
        try:
            async with request.form() as form:  # closes the file
                upload = await _read_upload(request, view, form)
            answer = await _import(request, view, upload, preview=request.query_params.get("preview") == "1")
        except InvalidFile as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(answer)


async def _read_upload(request: Request, view: Any, form: FormData) -> Upload:  # noqa: ANN401
    file = form.get("file")
    if form.get("format") != "csv":
        raise InvalidFile("Only CSV files can be imported.")
    if not isinstance(file, UploadFile):
        raise InvalidFile("Choose a file.")
    if (file.size or 0) > IMPORT_LIMITS.max_upload_size:
        raise InvalidFile(f"The file has {file.size:,} bytes. The limit is {IMPORT_LIMITS.max_upload_size:,} at once.")
    content = await file.read()
    table = read_csv(content, str(form.get("encoding") or ""))
    if len(table.rows) > (IMPORT_LIMITS.max_rows or 0):
        raise InvalidFile(f"The file has {len(table.rows):,} rows. Import at most {IMPORT_LIMITS.max_rows:,} at once.")
    known = match_columns(table.names, view.get_fields_list(request))
    names = form.getlist("fields")
    chosen = {name: column for name, column in known.items() if not names or column.name in names}
    match = str(form.get("match") or "")
    if match and match not in import_match_fields(request, view):
        raise InvalidFile("Records can't be matched by this field.")
    return Upload(table, content, known, chosen, match, ImportFormats(str(form.get("numbers")), str(form.get("dates"))))


async def _import(request: Request, view: Any, upload: Upload, *, preview: bool) -> dict[str, Any]:  # noqa: ANN401
    """Check all rows, without a transaction, and store them when each of them is right; a preview takes that back."""
    writing, importer = request.state.session, view.importers[0]
    context = ImportContext([*view.get_fields_list(request)], upload.content, view, request, dry_run=preview)
    async with get_database(request).read_sessions() as request.state.session:
        await view._emit_before_import(request, importer, context)  # noqa: SLF001
        batch = await _read(request, view, upload)
    request.state.session = writing
    if batch.lines and not batch.problems:
        await save_batch(batch, writing, keep=not preview)
    result = _result(batch, preview=preview)
    await view._emit_after_import(request, importer, result, context)  # noqa: SLF001
    return _overview(upload, batch, result) if preview else _summary(result)


async def _read(request: Request, view: Any, upload: Upload) -> ImportBatch:  # noqa: ANN401
    batch = ImportBatch(request, view, upload.chosen, upload.table.rows, upload.formats)
    if not upload.chosen:
        batch.problems.append((1, None, "No column matches a field name."))
        return batch
    header = next((name for name in upload.table.names if normalize_header(name) == normalize_header(upload.match)), "")
    header = header or next((name for name, c in upload.known.items() if c.name == upload.match), "")
    if upload.match and not header:
        raise InvalidFile(f"To update records, the file needs a column “{upload.match}”.")
    await batch.load(request.state.session, upload.match, header)
    await batch.read()
    await batch.check_uniqueness(request.state.session)
    return batch


def _result(batch: ImportBatch, *, preview: bool) -> ImportResult:
    errors = [ImportRowError(*problem) for problem in sorted(batch.problems, key=lambda p: p[0])[:_TOLD]]
    result = ImportResult(rows_total=len(batch.rows), errors=errors, dry_run=preview)
    if not errors:
        result.rows_created = sum(line.before is None for line in batch.lines)
        result.rows_updated = len(batch.lines) - result.rows_created
        result.rows_skipped = batch.unchanged
    return result


def _summary(result: ImportResult) -> dict[str, Any]:
    return {
        "rows_total": result.rows_total,
        "rows_created": result.rows_created,
        "rows_updated": result.rows_updated,
        "rows_skipped": result.rows_skipped,
        "has_errors": result.has_errors,
        "errors": [{"row": e.row, "field": e.field, "message": e.message} for e in result.errors],
    }


def _overview(upload: Upload, batch: ImportBatch, result: ImportResult) -> dict[str, Any]:
    """Return what the preview says of the columns and the rows."""
    names, known = upload.table.names, upload.known
    matches = {normalize_header(upload.match)} if upload.match else set()
    return _summary(result) | {
        "rows_new": result.rows_created,
        "headers": names,
        "mapping": [{"header": n, "field": c.name, "selected": n in upload.chosen} for n, c in known.items()],
        "unmatched_headers": [name for name in names if name not in known and normalize_header(name) not in matches],
        "sample": [batch.show(row) for row in upload.table.rows[:10]] if upload.chosen else [],
    }
