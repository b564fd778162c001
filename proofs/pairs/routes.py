"""API routes that write a note and an item, and fail in between, give up early, or take long."""

import asyncio
import os
from uuid import UUID

from app.accounts.api.dependencies import CurrentScope
from app.api.dependencies import SessionDep, check_version
from app.api.schemas import Schema
from app.errors import Conflict, Unavailable
from app.features.items import service as items
from app.features.items.schemas import ItemCreate, ItemUpdate
from app.features.notes import service as notes
from app.features.notes.schemas import NoteCreate, NoteList, NoteUpdate
from fastapi import APIRouter
from sqlalchemy import func, select

router = APIRouter(prefix="/pairs", tags=["pairs"])
SABOTAGE = os.environ.get("PROOF_SABOTAGE")
"""Fault to build in, to show that the proof finds it."""
_leaked: list[object] = []


class PairRejected(Conflict):
    """The second row is rejected after the first was written."""

    title = "Rejected halfway"


class Hurried(Unavailable):
    """The time was up, so the task was canceled wherever it waited."""

    title = "Gave up early"


class PairCreate(Schema):
    """A note and an item with the same title and body."""

    title: str
    body: str
    fails: bool = False


class PairUpdate(Schema):
    """A new body for both."""

    body: str
    note_version: int
    fails: bool = False


class Pair(Schema):
    """IDs of both."""

    note: UUID
    item: UUID


@router.post("", status_code=201)
async def create_pair(session: SessionDep, scope: CurrentScope, data: PairCreate) -> Pair:
    """Create a note and an item."""
    content = data.model_dump(exclude={"fails"})
    note = await notes.create_note(session, scope, NoteCreate(**content))
    if SABOTAGE == "half":
        await session.commit()
    if data.fails:
        raise PairRejected
    item = await items.create_item(session, scope, ItemCreate(**content, count=0))
    return Pair(note=note.id, item=item.id)


@router.post("/hurried", status_code=201)
async def create_hurried_pair(
    session: SessionDep, scope: CurrentScope, data: PairCreate, seconds: float
) -> Pair:
    """Create a note and an item, or nothing if it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await create_pair(session, scope, data)
    except TimeoutError:
        raise Hurried from None  # its cause would be logged as an outage


@router.get("/hurried/{note_id}/{item_id}")
async def read_hurried_pair(
    session: SessionDep, scope: CurrentScope, note_id: UUID, item_id: UUID, seconds: float
) -> dict[str, str]:
    """Return the titles of a note and an item, unless it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            note = await notes.get_note(session, scope, note_id)
            item = await items.get_item(session, scope, item_id)
    except TimeoutError:
        raise Hurried from None  # its cause would be logged as an outage
    return {"note": note.title, "item": item.title}


@router.get("/hurried")
async def list_hurried_notes(
    session: SessionDep, scope: CurrentScope, seconds: float
) -> dict[str, list[str]]:
    """Return the titles of the newest notes, unless it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            page = await notes.list_notes(session, scope, NoteList())
    except TimeoutError:
        raise Hurried from None
    return {"notes": [note.title for note in page.items]}


@router.patch("/{note_id}/{item_id}")
async def update_pair(
    session: SessionDep, scope: CurrentScope, note_id: UUID, item_id: UUID, data: PairUpdate
) -> Pair:
    """Update a note and an item."""
    note = await notes.get_note(session, scope, note_id)
    item = await items.get_item(session, scope, item_id)
    check_version(note, f'"{data.note_version}"')
    await notes.update_note(session, note, NoteUpdate(body=data.body))
    if data.fails:
        raise PairRejected
    await items.update_item(session, item, ItemUpdate(body=data.body))
    return Pair(note=note_id, item=item_id)


@router.get("/sleep")
@router.post("/sleep")
async def sleep(session: SessionDep, scope: CurrentScope, seconds: float) -> dict[str, str]:
    """Keep a connection of PostgreSQL busy."""
    if SABOTAGE == "leak":
        leaked = session.bind.connect()
        await leaked.start()
        _leaked.append(leaked)
    await session.execute(select(func.pg_sleep(seconds)))
    return {"user": str(scope.user_id)}
