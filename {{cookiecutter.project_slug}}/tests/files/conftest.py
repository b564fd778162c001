"""Routes that receive and return files, for these tests."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

import pytest
from fastapi import APIRouter, Form, Request, Response, UploadFile

from app.accounts.api.dependencies import CurrentScope
from app.api.dependencies import SessionDep
from app.api.request_body import allow_body
from app.files.dependencies import FileStoreDep
from app.files.fields import uploaded_file
from app.files.models import File
from app.files.responses import file_response
from app.files.rules import IMAGES, FileRules, types_of
from app.files.schemas import FileRead
from app.files.uploads import discard_file, receive_file

DOCUMENT = FileRules(max_bytes=3_000_000, types=types_of("pdf", "txt", "csv", "docx", "zip", "png"))
PICTURE = FileRules(max_bytes=2_000_000, types=IMAGES, max_side=500, thumbnails=(32, 100))

router = APIRouter(prefix="/api/v1/test-files")


@router.put("/documents")
@allow_body(DOCUMENT.max_body_bytes)
async def upload_document(request: Request, session: SessionDep, scope: CurrentScope, store: FileStoreDep) -> FileRead:
    """Receive a request's body."""
    return FileRead.model_validate(await receive_file(session, store, request, DOCUMENT, scope.user_id))


@router.put("/fields")
async def upload_to_field(request: Request, session: SessionDep, scope: CurrentScope, store: FileStoreDep) -> FileRead:
    """Receive the file of a field."""
    async with uploaded_file(request, "picture") as upload:
        return FileRead.model_validate(await receive_file(session, store, upload, PICTURE, scope.user_id))


@router.post("/documents")
@allow_body(DOCUMENT.max_body_bytes)
async def upload_form(
    session: SessionDep,
    scope: CurrentScope,
    store: FileStoreDep,
    file: UploadFile,
    fails: Annotated[bool, Form()] = False,  # noqa: FBT002
) -> FileRead:
    """Receive a file of a form; fail afterwards if the form says so."""
    received = FileRead.model_validate(await receive_file(session, store, file, DOCUMENT, scope.user_id))
    if fails:
        raise RuntimeError("after the upload")
    return received


@router.put("/pictures")
@allow_body(PICTURE.max_body_bytes)
async def upload_picture(request: Request, session: SessionDep, scope: CurrentScope, store: FileStoreDep) -> FileRead:
    """Receive an image as a request's body."""
    return FileRead.model_validate(await receive_file(session, store, request, PICTURE, scope.user_id, field="picture"))


@router.get("/{file_id}")
async def read_file(  # noqa: PLR0913, PLR0917
    request: Request,
    session: SessionDep,
    store: FileStoreDep,
    file_id: UUID,
    size: int | None = None,
    download: bool = False,  # noqa: FBT001, FBT002
) -> Response:
    """Return a file."""
    return await file_response(request, store, await session.get_one(File, file_id), size=size, download=download)


@router.delete("/{file_id}")
async def delete_file(session: SessionDep, file_id: UUID, fails: bool = False) -> None:  # noqa: FBT001, FBT002
    """Discard a file; fail afterwards if asked to."""
    await discard_file(session, file_id)
    if fails:
        raise RuntimeError("after discarding")


@pytest.fixture(autouse=True)
def file_routes(add_routes: Callable[[APIRouter], None]) -> None:
    add_routes(router)
