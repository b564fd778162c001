"""Importing: all rows of a file, or none. A view offers it when it says `importers = ("csv",)`.

The library's pages ask for the file, show what would happen, and show what did. Its own way to store saves what it can.
"""

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette_admin.base import BaseAdmin
from starlette_admin.fields import BaseField
from starlette_admin.helpers import JSONResponse
from starlette_admin.importers import ImportConfig, ImportResult, ImportRowError
from starlette_admin.routing import route
from starlette_admin.types import RequestAction
from starlette_admin.views import BaseModelView

from app.admin.batch import Batch
from app.admin.csv_files import UnreadableFile, read_csv

LIMITS = ImportConfig(max_upload_size=1_000_000, max_rows=5_000)
"""What fits into one transaction that others need not wait for."""
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
        batch = Batch(request, view, {name: field_by_header[name] for name in names if name in field_by_header})
        await batch.read(fields, rows)
        await batch.check_together()
        if not preview and not batch.problems:
            await batch.store()
        if preview_extras is not None:
            preview_extras.update(_overview(names, field_by_header, full_field_by_header or {}))
            preview_extras["sample"] = [batch.show(row) for row in rows[:10]]
        result.rows_created = 0 if batch.problems else len(rows)
        result.errors = [ImportRowError(*problem) for problem in sorted(batch.problems, key=lambda p: p[0])[:_TOLD]]
        return result


def _overview(names: list[str], chosen: dict[str, BaseField], known: dict[str, BaseField]) -> dict[str, Any]:
    """Return what the preview says of the columns."""
    return {
        "headers": names,
        "mapping": [{"header": n, "field": known[n].name, "selected": n in chosen} for n in names if n in known],
        "unmatched_headers": [name for name in names if name not in known],
    }
