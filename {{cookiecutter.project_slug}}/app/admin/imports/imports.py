"""CSV imports in a single transaction. Enable with `importers = ("csv",)`.

The dialog is the library's. Its own import isn't used, because it saves the valid rows of a file with errors.
"""

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette_admin import RequestAction
from starlette_admin.base import BaseAdmin
from starlette_admin.helpers import JSONResponse
from starlette_admin.importers import ImportContext, ImportResult
from starlette_admin.routing import route

from app.admin.files.columns import normalize_header
from app.admin.files.csv_files import InvalidFile
from app.admin.imports.batch import ImportBatch
from app.admin.imports.execution import save_upload, summarize, validate_upload
from app.admin.imports.jobs import start_import
from app.admin.imports.upload import PREVIEWED_ROWS, Upload, read_upload


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
                upload = await read_upload(request, view, form)
                is_preview = request.query_params.get("preview") == "1"
                if upload.is_large and not is_preview:
                    return JSONResponse({"location": await start_import(request, view, upload, form)})
            result = await _import(request, view, upload, preview=is_preview)
        except InvalidFile as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(result)


async def _import(request: Request, view: Any, upload: Upload, *, preview: bool) -> dict[str, Any]:  # noqa: ANN401
    """Validate all rows outside a transaction, and save them if all are valid. A preview rolls back."""
    context = ImportContext([*view.get_fields_list(request)], upload.content, view, request, dry_run=preview)
    batch = await validate_upload(upload, context, first=PREVIEWED_ROWS if upload.is_large else None)
    result = await save_upload(batch, context, request.state.session)
    return _preview(upload, batch, result) if preview else summarize(result)


def _preview(upload: Upload, batch: ImportBatch, result: ImportResult) -> dict[str, Any]:
    """Return the preview: the summary, the columns, and the first rows."""
    names, columns = upload.table.names, upload.columns
    matches = {normalize_header(upload.match)} if upload.match else set()
    failed = {error.row for error in result.errors}
    valid = [row for row in batch.import_rows if row.number not in failed]
    return summarize(result) | {
        "is_partial": bool(batch.later_rows),
        "rows_new": sum(row.before is None for row in valid),
        "rows_updated": sum(row.before is not None for row in valid),
        "headers": names,
        "mapping": [{"header": n, "field": c.name, "selected": n in upload.selected} for n, c in columns.items()],
        "unmatched_headers": [name for name in names if name not in columns and normalize_header(name) not in matches],
        "sample": [batch.preview_row(row) for row in upload.table.rows[:10]] if upload.selected else [],
    }
