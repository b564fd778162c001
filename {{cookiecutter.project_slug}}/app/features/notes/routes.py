"""API routes for notes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.accounts.api.dependencies import CurrentScope, InvalidToken
from app.api.dependencies import IfMatch, SessionDep, check_version, with_etag
from app.api.error_handlers import openapi_responses
from app.api.pagination import Page
from app.errors import StillReferenced, VersionConflict
from app.features.notes import service
from app.features.notes.schemas import NoteCreate, NoteList, NoteRead, NoteUpdate
from app.features.notes.service import NoteNotFound, NoteTitleTaken

router = APIRouter(prefix="/notes", tags=["notes"], responses=openapi_responses(InvalidToken))


@router.get("")
async def list_notes(session: SessionDep, scope: CurrentScope, page: Annotated[NoteList, Query()]) -> Page[NoteRead]:
    """List your notes, newest first by default."""
    return await service.list_notes(session, scope, page)


@router.post("", status_code=201, responses=openapi_responses(NoteTitleTaken))
async def create_note(
    session: SessionDep, scope: CurrentScope, request: Request, response: Response, data: NoteCreate
) -> NoteRead:
    """Create a note. The title must be unique among your notes."""
    note = await service.create_note(session, scope, data)
    response.headers["Location"] = request.url_for("read_note", note_id=note.id).path
    return with_etag(response, note)


@router.get("/{note_id}", responses=openapi_responses(NoteNotFound))
async def read_note(session: SessionDep, scope: CurrentScope, note_id: UUID, response: Response) -> NoteRead:
    """Get one of your notes."""
    return with_etag(response, await service.get_note(session, scope, note_id))


@router.patch("/{note_id}", responses=openapi_responses(NoteNotFound, NoteTitleTaken, VersionConflict))
async def update_note(
    session: SessionDep,
    scope: CurrentScope,
    note_id: UUID,
    response: Response,
    data: NoteUpdate,
    if_match: IfMatch = None,
) -> NoteRead:
    """Update one of your notes. Omitted fields are unchanged."""
    note = await service.get_note(session, scope, note_id)
    check_version(note, if_match)
    return with_etag(response, await service.update_note(session, note, data))


@router.delete(
    "/{note_id}", status_code=204, responses=openapi_responses(NoteNotFound, StillReferenced, VersionConflict)
)
async def delete_note(session: SessionDep, scope: CurrentScope, note_id: UUID, if_match: IfMatch = None) -> None:
    """Delete one of your notes."""
    note = await service.get_note(session, scope, note_id)
    check_version(note, if_match)
    await service.delete_note(session, note)
