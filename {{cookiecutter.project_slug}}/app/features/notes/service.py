"""Business logic and access rules of notes."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.scope import Scope
from app.api.pagination import Page, paginate, where_contains, where_equal
from app.database.constraints import violates
from app.database.rows import delete_row, fetch_one, insert_row, update_row
from app.errors import NotFound, Taken
from app.features.notes.models import Note
from app.features.notes.schemas import NoteCreate, NoteList, NoteRead, NoteUpdate


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


async def list_notes(session: AsyncSession, scope: Scope, page: NoteList) -> Page[NoteRead]:
    """Return a page of the caller's notes, newest first by default."""
    query = where_equal(notes_for(scope), {Note.title: page.title})
    query = where_contains(query, page.q, Note.title)
    return await paginate(session, query, Note, NoteRead, page, sort=page.sort)


async def get_note(session: AsyncSession, scope: Scope, note_id: UUID) -> NoteRead:
    """Return one of the caller's notes.

    Raises:
        NoteNotFound: if it doesn't exist or belongs to someone else.
    """
    note = await fetch_one(session, notes_for(scope).where(Note.id == note_id), NoteRead)
    if note is None:
        raise NoteNotFound
    return note


async def create_note(session: AsyncSession, scope: Scope, data: NoteCreate) -> NoteRead:
    """Create a note owned by the caller.

    Raises:
        NoteTitleTaken: if another note has this title.
    """
    with _unique():
        return await insert_row(session, Note, {**data.model_dump(), "owner_id": scope.user_id}, NoteRead)


async def update_note(session: AsyncSession, note: NoteRead, data: NoteUpdate) -> NoteRead:
    """Update a note with the fields sent.

    Raises:
        NoteTitleTaken: if another note has the new title.
    """
    with _unique():
        return await update_row(session, Note, note, data.model_dump(exclude_unset=True))


async def delete_note(session: AsyncSession, note: NoteRead) -> None:
    """Delete a note."""
    await delete_row(session, Note, note)


@contextmanager
def _unique() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if violates(error, Note.unique_title):
            raise NoteTitleTaken from error
        raise
