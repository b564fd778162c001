"""Validate and save an uploaded file, in a request or in a job."""

from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncSession
from starlette_admin.importers import ImportContext, ImportResult, ImportRowError

from app.admin.files.columns import normalize_header
from app.admin.files.csv_files import InvalidFile
from app.admin.imports.batch import ImportBatch, OnProgress
from app.admin.imports.saving import save_batch
from app.admin.imports.upload import Upload
from app.api.dependencies import get_database
from app.i18n import gettext

_MAX_ERRORS = 100


async def validate_upload(
    upload: Upload, context: ImportContext, on_progress: OnProgress | None = None, *, first: int | None = None
) -> ImportBatch:
    """Validate the rows outside a transaction: all, or the first ones."""
    request, view = context.request, cast(Any, context.view)
    session = request.state.session
    async with get_database(request).read_sessions() as request.state.session:
        await view._emit_before_import(request, view.importers[0], context)  # noqa: SLF001
        batch = ImportBatch(request, view, upload.selected, upload.table.rows[:first], upload.formats)
        batch.later_rows = upload.table.rows[first:] if first else ()
        await _load(batch, upload, on_progress)
    request.state.session = session
    return batch


async def save_upload(batch: ImportBatch, context: ImportContext, session: AsyncSession) -> ImportResult:
    """Save the rows if all are valid; a preview rolls back. Return the result, with the first errors.

    A preview of the first rows saves nothing: they may refer to later ones.
    """
    if batch.import_rows and not batch.errors and not batch.later_rows:
        await save_batch(batch, session, commit=not context.dry_run)
    result = _result(batch, preview=context.dry_run)
    await batch.view._emit_after_import(batch.request, batch.view.importers[0], result, context)  # noqa: SLF001
    return result


def summarize(result: ImportResult) -> dict[str, Any]:
    """Return a result as JSON."""
    return {
        "rows_total": result.rows_total,
        "rows_created": result.rows_created,
        "rows_updated": result.rows_updated,
        "rows_skipped": result.rows_skipped,
        "has_errors": result.has_errors,
        "errors": [{"row": e.row, "field": e.field, "message": e.message} for e in result.errors],
    }


async def _load(batch: ImportBatch, upload: Upload, on_progress: OnProgress | None) -> None:
    session = batch.request.state.session
    if not upload.selected:
        batch.errors.append((1, None, gettext("No column matches a field name.")))
        return
    header = next((name for name in upload.table.names if normalize_header(name) == normalize_header(upload.match)), "")
    header = header or next((name for name, c in upload.columns.items() if c.name == upload.match), "")
    if upload.match and not header:
        raise InvalidFile(gettext("To update records, the file needs a column “%(name)s”.", name=upload.match))
    await batch.load(session, upload.match, header)
    await batch.parse(on_progress)
    batch.check_comparisons()
    await batch.check_uniqueness(session)


def _result(batch: ImportBatch, *, preview: bool) -> ImportResult:
    errors = [ImportRowError(*error) for error in sorted(batch.errors, key=lambda error: error[0])[:_MAX_ERRORS]]
    result = ImportResult(rows_total=len(batch.rows) + len(batch.later_rows), errors=errors, dry_run=preview)
    if not errors:
        result.rows_created = sum(row.before is None for row in batch.import_rows)
        result.rows_updated = len(batch.import_rows) - result.rows_created
        result.rows_skipped = batch.unchanged
    return result
