"""Changes that are published reach streams after the commit, and only the streams of their topic."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from app.api.dependencies import SessionDep
from app.database.rows import delete_row, insert_row, update_row
from app.database.sessions import ReadOnlySessionError
from app.errors import Conflict
from app.live.broker import MAX_QUEUED, Subscription
from app.live.events import MAX_MESSAGE_BYTES, RESYNC, Event, pack, unpack
from app.live.publishing import publish
from tests.sample.sample_notes.models import SampleNote
from tests.sample.sample_notes.schemas import SampleNoteRead
from tests.streams import Stream, open_stream
from tests.support import in_database

NOTES = "/api/v1/sample-notes"
PATH = "/api/v1/publishing-of-the-test"

AddRoutes = Callable[[APIRouter], None]


def add_note(caller: TestClient, title: str = "Tea") -> Any:
    response = caller.post(NOTES, json={"title": title})
    assert response.status_code == 201, response.text
    return response.json()


def assert_next_is_added(stream: Stream, caller: TestClient) -> None:
    """Assert that the stream has had nothing else."""
    added = add_note(caller, "Next")
    assert stream.next_change() == ("created", added["id"])


def test_changes_by_the_orm_are_published_to_their_owner(as_ada: TestClient, as_bob: TestClient) -> None:
    with open_stream(as_ada, f"{NOTES}/live") as stream, open_stream(as_bob, f"{NOTES}/live") as other:
        note = add_note(as_ada)
        as_ada.patch(f"{NOTES}/{note['id']}", json={"title": "Coffee"})
        as_ada.patch(f"{NOTES}/{note['id']}", json={"title": "Coffee"})  # changes nothing
        as_ada.delete(f"{NOTES}/{note['id']}")

        assert [stream.next_change() for _ in range(3)] == [
            (did, note["id"]) for did in ("created", "updated", "deleted")
        ]
        assert_next_is_added(stream, as_ada)
        assert_next_is_added(other, as_bob)


def test_changes_by_the_driver_are_published(client: TestClient, as_ada: TestClient, ada: User) -> None:
    async def work(session: AsyncSession) -> UUID:
        values = {"title": "Tea", "body": "", "owner_id": ada.id}
        note = await insert_row(session, SampleNote, values, SampleNoteRead)
        note = await update_row(session, SampleNote, note, {"title": "Coffee"})
        await update_row(session, SampleNote, note, {"title": "Coffee"})
        await delete_row(session, SampleNote, note)
        return note.id

    with open_stream(as_ada, f"{NOTES}/live") as stream:
        note_id = str(in_database(client, work))

        assert [stream.next_change() for _ in range(3)] == [(did, note_id) for did in ("created", "updated", "deleted")]
        assert_next_is_added(stream, as_ada)


@pytest.mark.parametrize("by_driver", [pytest.param(True, id="driver"), pytest.param(False, id="orm")])
def test_old_and_new_owner_get_the_change(
    client: TestClient, as_ada: TestClient, as_bob: TestClient, bob: User, *, by_driver: bool
) -> None:
    added = add_note(as_ada)
    note = SampleNoteRead.model_validate(added)

    async def give_away(session: AsyncSession) -> None:
        if by_driver:
            await update_row(session, SampleNote, note, {"owner_id": bob.id})
        else:
            (await session.get_one(SampleNote, note.id)).owner_id = bob.id

    with open_stream(as_ada, f"{NOTES}/live") as stream, open_stream(as_bob, f"{NOTES}/live") as other:
        in_database(client, give_away)

        assert other.next_change() == ("updated", added["id"])
        while stream.next_change_of(added) != "updated":  # "created" may arrive first
            pass


def test_nothing_is_published_by_what_is_rolled_back(as_ada: TestClient, add_routes: AddRoutes, ada: User) -> None:
    router, owner_id = APIRouter(), ada.id

    @router.post(PATH)
    async def fail(session: SessionDep) -> None:
        session.add(SampleNote(title="Lost", owner_id=owner_id))
        await session.flush()
        raise Conflict

    @router.post(f"{PATH}/savepoint")
    async def partly_fail(session: SessionDep) -> None:
        async with session.begin_nested() as savepoint:
            session.add(SampleNote(title="Lost", owner_id=owner_id))
            await session.flush()
            await savepoint.rollback()

    add_routes(router)
    with open_stream(as_ada, f"{NOTES}/live") as stream:
        assert as_ada.post(PATH).status_code == 409
        assert as_ada.post(f"{PATH}/savepoint").status_code == 200

        assert_next_is_added(stream, as_ada)


def test_own_event_is_delivered(client: TestClient, as_ada: TestClient, ada: User) -> None:
    async def ship(session: AsyncSession) -> None:
        publish(session, f"sample_notes:{ada.id}", "shipped", 17)

    with open_stream(as_ada, f"{NOTES}/live") as stream:
        in_database(client, ship)

        assert stream.next_event() == {"topic": f"sample_notes:{ada.id}", "name": "shipped", "id": "17"}


@pytest.mark.any_database
def test_contents_and_read_only_sessions_are_rejected(client: TestClient) -> None:
    async def publish_contents(session: AsyncSession) -> None:
        publish(session, "sample_notes", "created", "The text of the note. " * 20)

    async def publish_while_reading() -> None:
        async with client.app_state["database"].read_sessions() as session:
            publish(session, "sample_notes", "created")

    with pytest.raises(ValueError, match="send the ID of a row"):
        in_database(client, publish_contents)
    assert client.portal is not None
    with pytest.raises(ReadOnlySessionError):
        client.portal.call(publish_while_reading)


@pytest.mark.any_database
def test_stream_requires_a_caller(client: TestClient) -> None:
    assert client.get(f"{NOTES}/live").status_code == 401


def test_messages_are_within_the_limit_of_the_database() -> None:
    events = [Event("ü" * 200, "created", str(number)) for number in range(500)]

    messages = list(pack(events))

    assert max(len(message.encode()) for message in messages) <= MAX_MESSAGE_BYTES
    assert [event for message in messages for event in unpack(message)] == events


@pytest.mark.any_database
def test_slow_client_gets_resync_instead_of_old_events(client: TestClient) -> None:
    async def read_late() -> list[Event]:
        subscription = Subscription()
        for number in range(MAX_QUEUED + 3):
            subscription.put(Event("notes", "created", str(number)))
        return [await subscription.get() for _ in range(3)]

    assert client.portal is not None
    assert [event.id for event in client.portal.call(read_late)] == [
        RESYNC.id,
        str(MAX_QUEUED + 1),
        str(MAX_QUEUED + 2),
    ]
