"""API routes for notes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.accounts.api.dependencies import CurrentScope, InvalidToken
from app.api.dependencies import IfMatch, SessionDep, check_version, with_etag
from app.api.error_handlers import openapi_responses
from app.api.pagination import Page
from app.errors import StillReferenced, VersionConflict
from tests.sample.sample_notes import service
from tests.sample.sample_notes.models import SampleNote
from tests.sample.sample_notes.schemas import SampleNoteCreate, SampleNoteList, SampleNoteRead, SampleNoteUpdate
from tests.sample.sample_notes.service import SampleNoteNotFound, SampleNoteTitleTaken

router = APIRouter(prefix="/sample-notes", tags=["sample notes"], responses=openapi_responses(InvalidToken))


async def get_note(session: SessionDep, scope: CurrentScope, note_id: UUID) -> SampleNote:
    return await service.get_note(session, scope, note_id)


NoteDep = Annotated[SampleNote, Depends(get_note)]
CHANGING = openapi_responses(SampleNoteNotFound, SampleNoteTitleTaken, VersionConflict)


@router.get("")
async def list_sample_notes(
    session: SessionDep, scope: CurrentScope, page: Annotated[SampleNoteList, Query()]
) -> Page[SampleNoteRead]:
    """List your notes."""
    return await service.list_notes(session, scope, page)


@router.post("", status_code=201, response_model=SampleNoteRead, responses=openapi_responses(SampleNoteTitleTaken))
async def create_sample_note(
    session: SessionDep, scope: CurrentScope, request: Request, response: Response, data: SampleNoteCreate
) -> SampleNote:
    """Create a note."""
    note = await service.save_note(session, SampleNote(owner_id=scope.user_id), **data.model_dump())
    response.headers["Location"] = request.url_for("read_sample_note", note_id=note.id).path
    return with_etag(response, note)


@router.get("/{note_id}", response_model=SampleNoteRead, responses=openapi_responses(SampleNoteNotFound))
async def read_sample_note(note: NoteDep, response: Response) -> SampleNote:
    """Get a note."""
    return with_etag(response, note)


@router.patch("/{note_id}", response_model=SampleNoteRead, responses=CHANGING)
async def update_sample_note(
    session: SessionDep, note: NoteDep, response: Response, data: SampleNoteUpdate, if_match: IfMatch = None
) -> SampleNote:
    """Update a note. Omitted fields are unchanged."""
    check_version(note, if_match)
    return with_etag(response, await service.save_note(session, note, **data.model_dump(exclude_unset=True)))


@router.delete(
    "/{note_id}", status_code=204, responses=openapi_responses(SampleNoteNotFound, StillReferenced, VersionConflict)
)
async def delete_sample_note(session: SessionDep, note: NoteDep, if_match: IfMatch = None) -> None:
    """Delete a note."""
    check_version(note, if_match)
    await service.delete_note(session, note)
