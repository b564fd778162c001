"""Notes over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.accounts.dependencies import CurrentScope, InvalidToken
from app.dependencies import IfMatch, SessionDep, check_version, tagged
from app.errors import StillReferred, VersionConflict, documented
from app.features.notes import service
from app.features.notes.models import Note
from app.features.notes.schemas import NoteCreate, NoteList, NoteRead, NoteUpdate
from app.features.notes.service import NoteNotFound, NoteTitleTaken
from app.pagination import Page, Rows

router = APIRouter(prefix="/notes", tags=["notes"], responses=documented(InvalidToken))


async def get_note(session: SessionDep, scope: CurrentScope, note_id: UUID) -> Note:
    """Find the note that the path names."""
    return await service.get_note(session, scope, note_id)


NoteDep = Annotated[Note, Depends(get_note)]


@router.get("", response_model=Page[NoteRead])
async def list_notes(session: SessionDep, scope: CurrentScope, page: Annotated[NoteList, Query()]) -> Rows[Note]:
    """List your notes, newest first unless they are sorted."""
    return await service.list_notes(session, scope, page)


@router.post("", status_code=201, response_model=NoteRead, responses=documented(NoteTitleTaken))
async def create_note(
    session: SessionDep, scope: CurrentScope, request: Request, response: Response, data: NoteCreate
) -> Note:
    """Make a note. Its title must be unique among yours."""
    note = await service.create_note(session, scope, data)
    response.headers["Location"] = request.url_for("read_note", note_id=note.id).path
    return tagged(response, note)


@router.get("/{note_id}", response_model=NoteRead, responses=documented(NoteNotFound))
async def read_note(note: NoteDep, response: Response) -> Note:
    """Read one of your notes."""
    return tagged(response, note)


@router.patch(
    "/{note_id}", response_model=NoteRead, responses=documented(NoteNotFound, NoteTitleTaken, VersionConflict)
)
async def update_note(
    session: SessionDep,
    note: NoteDep,
    response: Response,
    data: NoteUpdate,
    if_match: IfMatch = None,
) -> Note:
    """Change the fields you send; the others keep their values."""
    check_version(note, if_match)
    return tagged(response, await service.update_note(session, note, data))


@router.delete("/{note_id}", status_code=204, responses=documented(NoteNotFound, StillReferred, VersionConflict))
async def delete_note(session: SessionDep, note: NoteDep, if_match: IfMatch = None) -> None:
    """Delete one of your notes."""
    check_version(note, if_match)
    await service.delete_note(session, note)
