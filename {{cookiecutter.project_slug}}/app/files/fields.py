"""What the routes of file fields share: the uploaded file, the file of a row, and the API documentation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile

from app.files.direct_uploads import DirectUploadReference, StagedFile, read_reference
from app.files.models import File
from app.files.store import FileMissing, StoreFull, StoreUnavailable
from app.files.uploads import FileTooLarge, InvalidFile
from app.i18n import gettext_noop

UPLOAD_PROBLEMS = (FileTooLarge, InvalidFile, StoreFull, StoreUnavailable)

ImageSize = Annotated[
    int | None,
    Query(ge=1, le=4096, description="Longest side in pixels; at least this size, if there is a smaller one"),
]


@asynccontextmanager
async def uploaded_file(request: Request, field: str) -> AsyncIterator[UploadFile | StagedFile]:
    """Read the file in a field of a multipart form, or the fields `upload` and `name` that refer to a direct upload.

    A large file is in a temporary file, which is deleted afterwards.

    The caller is authenticated before; for a parameter `UploadFile`, FastAPI would read the file first.

    Raises:
        InvalidFile: when the form has no such file; names the field.
    """
    async with request.form(max_files=1, max_fields=10) as form:
        upload, reference = form.get(field), form.get("upload")  # a field can have this name, too
        if reference and isinstance(reference, str):
            yield read_reference(form)
            return
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise InvalidFile(
                errors=[{"loc": ("body", field), "msg": gettext_noop("Choose a file"), "type": "missing"}]
            )
        yield upload


async def get_file(session: AsyncSession, file_id: UUID | None) -> File:
    """Return the file of a row.

    Raises:
        FileMissing: when the row has none.
    """
    file = None if file_id is None else await session.get(File, file_id)
    if file is None:
        raise FileMissing
    return file


def multipart_body(field: str) -> dict[str, Any]:
    """Return the request body of an upload: `openapi_extra=multipart_body("photo")`."""
    reference = DirectUploadReference.model_json_schema()["properties"]
    # No field is required, because a form has a file or a reference; the Python client generator can't do `oneOf`.
    schema = {"type": "object", "properties": {**reference, field: {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
