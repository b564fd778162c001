"""CSV imports in a single transaction. Enable with `importers = ("csv",)`.

The dialog is the library's. Its own import isn't used, because it saves the valid rows of a file with errors.
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
from app.database.keys import is_entered
from app.formatting import format_number
from app.i18n import gettext

IMPORT_LIMITS = ImportConfig(max_upload_size=1_000_000, max_rows=5_000)
"""A file of this size is imported in a few seconds."""
_MAX_ERRORS = 100


class Upload(NamedTuple):
    """A file with the options that the user selected."""

    table: CsvTable
    content: bytes
    columns: dict[str, FileColumn]
    """Columns by their names in the file."""
    selected: dict[str, FileColumn]
    match: str
    """The field that identifies existing rows; if empty, all rows are new."""
    formats: ImportFormats


def import_columns(request: Request, view: BaseModelView) -> list[str]:
    """Return the column names for the header of a file; required ones end in `*`."""
    fields = view.get_fields_list(request, action=RequestAction.IMPORT)
    return [f"{field.name}*" if field.required else field.name for field in fields]


def import_match_fields(request: Request, view: Any) -> list[str]:  # noqa: ANN401 - a ModelView
    """Return the fields that can identify existing rows."""
    if not view.can_edit(request):
        return []
    importable = {field.name for field in view.get_fields_list(request, action=RequestAction.IMPORT)}
    key = [] if is_entered(view.model) and view.pk_attr not in importable else [view.pk_attr]
    return [*key, *(name for name in unique_text_columns(view.model) if name in importable)]


class ImportSiteMixin(BaseAdmin):
    """Mixin of the admin site with the import endpoint."""

    @route("/_api/{key}/import", methods=["POST"], name="import")
    async def _render_import(self, request: Request) -> Response:
        """Preview or import a file. Unexpected errors are raised and logged; the library would hide them."""
        request.state.action = RequestAction.IMPORT
        view: Any = self._find_view_by_key(request.path_params["key"])
        if not view.is_accessible(request) or not view.can_import(request):
            raise HTTPException(403)
        try:
            async with request.form() as form:  # closes the file
                upload = await _read_upload(request, view, form)
            result = await _import(request, view, upload, preview=request.query_params.get("preview") == "1")
        except InvalidFile as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(result)


async def _read_upload(request: Request, view: Any, form: FormData) -> Upload:  # noqa: ANN401
    file = form.get("file")
    if form.get("format") != "csv":
        raise InvalidFile(gettext("Only CSV files can be imported."))
    if not isinstance(file, UploadFile):
        raise InvalidFile(gettext("Choose a file."))
    if (file.size or 0) > IMPORT_LIMITS.max_upload_size:
        raise InvalidFile(
            gettext(
                "The file has %(size)s bytes. The limit is %(limit)s.",
                size=format_number(file.size or 0),
                limit=format_number(IMPORT_LIMITS.max_upload_size),
            )
        )
    content = await file.read()
    table = read_csv(content, str(form.get("encoding") or ""))
    if len(table.rows) > (IMPORT_LIMITS.max_rows or 0):
        raise InvalidFile(
            gettext(
                "The file has %(count)s rows. Import at most %(limit)s at once.",
                count=format_number(len(table.rows)),
                limit=format_number(IMPORT_LIMITS.max_rows or 0),
            )
        )
    columns = match_columns(table.names, view.get_fields_list(request))
    names = form.getlist("fields")
    selected = {name: column for name, column in columns.items() if not names or column.name in names}
    match = str(form.get("match") or "")
    if match and match not in import_match_fields(request, view):
        raise InvalidFile(gettext("Records can't be matched by this field."))
    formats = ImportFormats(str(form.get("numbers")), str(form.get("dates")))
    return Upload(table, content, columns, selected, match, formats)


async def _import(request: Request, view: Any, upload: Upload, *, preview: bool) -> dict[str, Any]:  # noqa: ANN401
    """Validate all rows outside a transaction, and save them if all are valid. A preview rolls back."""
    session, importer = request.state.session, view.importers[0]
    context = ImportContext([*view.get_fields_list(request)], upload.content, view, request, dry_run=preview)
    async with get_database(request).read_sessions() as request.state.session:
        await view._emit_before_import(request, importer, context)  # noqa: SLF001
        batch = await _load_batch(request, view, upload)
    request.state.session = session
    if batch.import_rows and not batch.errors:
        await save_batch(batch, session, commit=not preview)
    result = _result(batch, preview=preview)
    await view._emit_after_import(request, importer, result, context)  # noqa: SLF001
    return _preview(upload, batch, result) if preview else _summary(result)


async def _load_batch(request: Request, view: Any, upload: Upload) -> ImportBatch:  # noqa: ANN401
    batch = ImportBatch(request, view, upload.selected, upload.table.rows, upload.formats)
    if not upload.selected:
        batch.errors.append((1, None, gettext("No column matches a field name.")))
        return batch
    header = next((name for name in upload.table.names if normalize_header(name) == normalize_header(upload.match)), "")
    header = header or next((name for name, c in upload.columns.items() if c.name == upload.match), "")
    if upload.match and not header:
        raise InvalidFile(gettext("To update records, the file needs a column “%(name)s”.", name=upload.match))
    await batch.load(request.state.session, upload.match, header)
    await batch.parse()
    batch.check_comparisons()
    await batch.check_uniqueness(request.state.session)
    return batch


def _result(batch: ImportBatch, *, preview: bool) -> ImportResult:
    errors = [ImportRowError(*error) for error in sorted(batch.errors, key=lambda error: error[0])[:_MAX_ERRORS]]
    result = ImportResult(rows_total=len(batch.rows), errors=errors, dry_run=preview)
    if not errors:
        result.rows_created = sum(row.before is None for row in batch.import_rows)
        result.rows_updated = len(batch.import_rows) - result.rows_created
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


def _preview(upload: Upload, batch: ImportBatch, result: ImportResult) -> dict[str, Any]:
    """Return the preview: the summary, the columns, and the first rows."""
    names, columns = upload.table.names, upload.columns
    matches = {normalize_header(upload.match)} if upload.match else set()
    failed = {error.row for error in result.errors}
    valid = [row for row in batch.import_rows if row.number not in failed]
    return _summary(result) | {
        "rows_new": sum(row.before is None for row in valid),
        "rows_updated": sum(row.before is not None for row in valid),
        "headers": names,
        "mapping": [{"header": n, "field": c.name, "selected": n in upload.selected} for n, c in columns.items()],
        "unmatched_headers": [name for name in names if name not in columns and normalize_header(name) not in matches],
        "sample": [batch.preview_row(row) for row in upload.table.rows[:10]] if upload.selected else [],
    }
