"""Business logic and access rules: each user has their own notes."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.scope import Scope
from app.api.pagination import Page, paginate, where_contains, where_equal
from app.database.constraints import violates
from app.errors import NotFound, Taken
from tests.sample.sample_notes.models import SampleNote
from tests.sample.sample_notes.schemas import SampleNoteList, SampleNoteRead


class SampleNoteNotFound(NotFound):
    """No note has this id, or it belongs to someone else."""

    title = "Note not found"


class SampleNoteTitleTaken(Taken):
    """Another note of the same owner has this title."""

    title = "You have another note with this title"
    field = "title"


def notes_for(scope: Scope) -> Select[SampleNote]:
    return select(SampleNote).where(SampleNote.owner_id == scope.user_id)


async def list_notes(session: AsyncSession, scope: Scope, page: SampleNoteList) -> Page[SampleNoteRead]:
    query = where_equal(notes_for(scope), {SampleNote.title: page.title})
    return await paginate(
        session, where_contains(query, page.q, SampleNote.title), SampleNote, SampleNoteRead, page, sort=page.sort
    )


async def get_note(session: AsyncSession, scope: Scope, note_id: UUID) -> SampleNote:
    if note := await session.scalar(notes_for(scope).where(SampleNote.id == note_id)):
        return note
    raise SampleNoteNotFound


async def save_note(session: AsyncSession, note: SampleNote, **changes: str) -> SampleNote:
    for name, value in changes.items():
        setattr(note, name, value)
    session.add(note)
    try:
        await session.flush()
    except IntegrityError as error:
        if violates(error, SampleNote.unique_title):
            raise SampleNoteTitleTaken from error
        raise
    return note


async def delete_note(session: AsyncSession, note: SampleNote) -> None:
    await session.delete(note)
    await session.flush()
