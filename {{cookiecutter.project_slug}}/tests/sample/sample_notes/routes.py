"""API routes for notes."""

import asyncio
import os
from collections.abc import AsyncIterator
from itertools import count
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response, WebSocket
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.accounts.api.dependencies import CurrentScope, InvalidToken
from app.api.dependencies import DatabaseDep, IfMatch, SessionDep, check_version, with_etag
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


RANDOM_BYTES = os.urandom(65_536)  # can't be compressed
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


@router.get("/events", response_class=EventSourceResponse)
async def count_sample_notes(
    scope: CurrentScope, database: DatabaseDep, last_event_id: Annotated[int, Header()] = 0
) -> AsyncIterator[ServerSentEvent]:
    """Send the number of your notes, again and again."""
    for event_id in count(last_event_id + 1):
        async with database.read_sessions() as session:
            page = await service.list_notes(session, scope, SampleNoteList())
        yield ServerSentEvent(data=len(page.items), id=str(event_id))
        await asyncio.sleep(0.05)


@router.websocket("/socket")
async def echo(socket: WebSocket, scope: CurrentScope) -> None:
    """Return each message with the email address; after the message `flood`, send more than the client reads."""
    await socket.accept()
    async for text in socket.iter_text():
        while text == "flood":
            await socket.send_bytes(RANDOM_BYTES)
        await socket.send_json([scope.email, text])


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
