"""API routes for direct uploads."""

from fastapi import APIRouter

from app.accounts.api.dependencies import CurrentScope, InvalidToken
from app.api.error_handlers import openapi_responses
from app.files.dependencies import FileStoreDep
from app.files.direct_uploads import DirectUpload, NoDirectUploads, start_direct_upload
from app.files.store import StoreUnavailable

router = APIRouter(prefix="/direct-uploads", tags=["direct uploads"], responses=openapi_responses(InvalidToken))


@router.post("", status_code=201, responses=openapi_responses(NoDirectUploads, StoreUnavailable))
async def create_direct_upload(store: FileStoreDep, scope: CurrentScope) -> DirectUpload:  # noqa: ARG001 - only with a token
    """Get a URL of the store. PUT a file there, then a form with `upload` and `name` to the file's field."""
    return await start_direct_upload(store)
