"""Helpers for tests of the audit log."""

from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, User
from tests.admin.browser import save
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database


def recorded_events(client: TestClient, *names: str) -> list[AuthEvent]:
    """Return the events with these names, or without names all events about rows, oldest first."""
    query = select(AuthEvent).order_by(AuthEvent.id)
    query = query.where(AuthEvent.name.in_(names) if names else AuthEvent.target_type.is_not(None))
    return list(in_database(client, lambda session: session.scalars(query)))


def log_text(client: TestClient) -> str:
    """Return all columns of all events as text."""
    query = text("SELECT * FROM auth_events")

    async def read(session: AsyncSession) -> str:
        return str([tuple(row) for row in await session.execute(query)])

    return in_database(client, read)


def edit_note(browser: TestClient, note: SampleNote, owner: User, **fields: str) -> Any:
    """Edit a note in its form."""
    held = {"title": note.title, "body": note.body, "owner": str(owner.id)}
    return save(browser, f"/admin/sample-note/edit?pk={note.id}", {**held, **fields})
