"""API routes for profile pictures."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.api.dependencies import CurrentScope, InvalidToken
from app.api.dependencies import SessionDep
from app.api.error_handlers import openapi_responses
from app.api.request_body import allow_body
from app.features.profile_pictures import service
from app.features.profile_pictures.service import RULES, ProfilePictureNotFound
from app.files.dependencies import FileStoreDep
from app.files.fields import UPLOAD_PROBLEMS, multipart_body, uploaded_file
from app.files.responses import FILE_RESPONSES, FileContent, file_response
from app.files.schemas import FileRead
from app.files.store import FileMissing
from app.files.uploads import receive_file

_CONTENT = FILE_RESPONSES | openapi_responses(ProfilePictureNotFound, FileMissing)

router = APIRouter(prefix="/users", tags=["profile pictures"], responses=openapi_responses(InvalidToken))


@router.put("/me/picture", openapi_extra=multipart_body("picture"), responses=openapi_responses(*UPLOAD_PROBLEMS))
@allow_body(RULES.max_body_bytes)
async def replace_own_picture(
    session: SessionDep, store: FileStoreDep, scope: CurrentScope, request: Request
) -> FileRead:
    """Upload your profile picture: JPEG, PNG, WebP or GIF, at most 5 MB. It is stored without metadata."""
    async with uploaded_file(request, "picture") as upload:
        file = await receive_file(session, store, upload, RULES, scope.user_id, field="picture")
    await service.set_picture(session, scope, file)
    return FileRead.model_validate(file)


@router.get("/me/picture", response_class=FileContent, responses=_CONTENT)
async def read_own_picture(session: SessionDep, store: FileStoreDep, scope: CurrentScope, request: Request) -> Response:
    """Get your profile picture."""
    return await file_response(request, store, await service.get_picture(session, scope, scope.user_id))


@router.delete("/me/picture", status_code=204, responses=openapi_responses(ProfilePictureNotFound))
async def delete_own_picture(session: SessionDep, scope: CurrentScope) -> None:
    """Delete your profile picture."""
    await service.delete_picture(session, scope)


@router.get("/{user_id}/picture", response_class=FileContent, responses=_CONTENT)
async def read_picture(
    session: SessionDep, store: FileStoreDep, scope: CurrentScope, request: Request, user_id: UUID
) -> Response:
    """Get the profile picture of a user whose name you can see."""
    return await file_response(request, store, await service.get_picture(session, scope, user_id))
