"""Example notes for development, added by `app seed`."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.lifecycle.seeds import Seeds
from app.accounts.scope import Scope
from app.features.notes import service
from app.features.notes.models import Note
from app.features.notes.schemas import NoteCreate

EXAMPLES = {
    "Shopping list": "Apples\nBread\nCoffee",
    "Ideas": "Try a new feature: `app new resource`.",
    "Read me": "These notes were added by `app seed`. Delete them whenever you like.",
}


async def add_examples(session: AsyncSession, scope: Scope) -> int:
    """Add the example notes that the caller doesn't have, by their titles."""
    existing = set(await session.scalars(service.notes_for(scope).with_only_columns(Note.title)))
    missing = [NoteCreate(title=title, body=body) for title, body in EXAMPLES.items() if title not in existing]
    for note in missing:
        await service.create_note(session, scope, note)
    return len(missing)


seeds = Seeds("example notes", add_examples)
