"""Business logic and access rules of notes."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.scope import Scope
from app.api.pagination import RowPage, paginate, where_contains, where_equal
from app.database.constraints import violates
from app.errors import NotFound, Taken
from app.features.notes.models import Note
from app.features.notes.schemas import NoteCreate, NoteList, NoteUpdate


class NoteNotFound(NotFound):
    """The note doesn't exist or belongs to someone else."""

    title = "Note not found"


class NoteTitleTaken(Taken):
    """The owner already has a note with this title."""

    title = "You already have a note with this title"
    field = "title"


def notes_for(scope: Scope) -> Select[Note]:
    """Select the notes visible to the caller. Start every query here."""
    return select(Note).where(Note.owner_id == scope.user_id)


async def list_notes(session: AsyncSession, scope: Scope, page: NoteList) -> RowPage[Note]:
    """Return a page of the caller's notes, newest first by default."""
    query = where_equal(notes_for(scope), {Note.title: page.title})
    query = where_contains(query, page.q, Note.title)
    return await paginate(session, query, Note, page, sort=page.sort)


async def get_note(session: AsyncSession, scope: Scope, note_id: UUID) -> Note:
    """Return one of the caller's notes.

    Raises:
        NoteNotFound: if it doesn't exist or belongs to someone else.
    """
    note = await session.scalar(notes_for(scope).where(Note.id == note_id))
    if note is None:
        raise NoteNotFound
    return note


async def create_note(session: AsyncSession, scope: Scope, data: NoteCreate) -> Note:
    """Create a note owned by the caller.

    Raises:
        NoteTitleTaken: if another note has this title.
    """
    note = Note(**data.model_dump(), owner_id=scope.user_id)
    session.add(note)
    await _flush(session)
    return note


async def update_note(session: AsyncSession, note: Note, data: NoteUpdate) -> Note:
    """Update a note with the fields sent.

    Raises:
        NoteTitleTaken: if another note has the new title.
    """
    for name, value in data.model_dump(exclude_unset=True).items():
        setattr(note, name, value)
    await _flush(session)
    return note


async def delete_note(session: AsyncSession, note: Note) -> None:
    """Delete a note."""
    await session.delete(note)
    await session.flush()


async def _flush(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        if violates(error, Note.unique_title):
            raise NoteTitleTaken from error
        raise
