"""Read an uploaded CSV file and the options that the user selected."""

from typing import Any, NamedTuple

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette_admin import RequestAction
from starlette_admin.importers import ImportConfig
from starlette_admin.views import BaseModelView

from app.admin.files.columns import FileColumn, match_columns
from app.admin.files.csv_files import CsvTable, InvalidFile, read_csv
from app.admin.files.formats import ImportFormats
from app.admin.imports.uniqueness import unique_text_columns
from app.database.keys import is_entered
from app.formatting import format_number
from app.i18n import gettext
from app.settings.config import Settings

LARGE_SIZE, LARGE_ROWS = 1_000_000, 5_000
"""Size and rows of the largest file that is imported at once, in a few seconds; a job imports a larger one."""
MAX_SIZE, MAX_ROWS = 10_000_000, 10_000
"""Size and rows of the largest file."""
PREVIEWED_ROWS = 500
"""Rows of a large file that a preview checks."""
_FORM_BYTES = 48_576
"""What a form may have besides the file."""


def import_limits(settings: Settings) -> ImportConfig:
    """Return the limits of a file. `SERVER_MAX_BODY_BYTES` is one, too."""
    body = settings.server.max_body_bytes
    return ImportConfig(max_upload_size=min(MAX_SIZE, max(body - _FORM_BYTES, body // 2)), max_rows=MAX_ROWS)


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

    @property
    def is_large(self) -> bool:
        """Whether a job imports the file."""
        return len(self.content) > LARGE_SIZE or len(self.table.rows) > LARGE_ROWS


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


async def read_upload(request: Request, view: Any, form: FormData) -> Upload:  # noqa: ANN401
    """Read the file.

    Raises:
        InvalidFile: with a message for the user.
    """
    file = form.get("file")
    if form.get("format") != "csv":
        raise InvalidFile(gettext("Only CSV files can be imported."))
    if not isinstance(file, UploadFile):
        raise InvalidFile(gettext("Choose a file."))
    limits = import_limits(request.state.settings)
    if (file.size or 0) > limits.max_upload_size:
        raise InvalidFile(
            gettext(
                "The file has %(size)s bytes. The limit is %(limit)s.",
                size=format_number(file.size or 0),
                limit=format_number(limits.max_upload_size),
            )
        )
    content = await file.read()
    table = read_csv(content, str(form.get("encoding") or ""))
    if len(table.rows) > (limits.max_rows or 0):
        raise InvalidFile(
            gettext(
                "The file has %(count)s rows. Import at most %(limit)s at once.",
                count=format_number(len(table.rows)),
                limit=format_number(limits.max_rows or 0),
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
