"""Functions called after the commit of a session."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import pytest
from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import Role, UserRole
from app.api.dependencies import DatabaseDep, SessionDep, WriteSessionDep
from app.database.after_commit import after_commit
from app.database.connection import Database
from app.database.rows import insert_row
from app.database.sessions import ClosedSessionError, ReadOnlySessionError
from app.errors import Conflict
from tests.sample.sample_notes.models import SampleNote
from tests.sample.sample_notes.schemas import SampleNoteRead
from tests.support import add_user

PATH = "/api/v1/after-commit-of-the-test"

AddRoutes = Callable[[APIRouter], None]
Write = Callable[[AsyncSession], Awaitable[object]]


async def write_nothing(_session: AsyncSession) -> None:
    pass


async def write_by_orm(session: AsyncSession) -> None:
    session.add(Role(name="new", permissions=[]))
    await session.flush()


async def write_without_flush(session: AsyncSession) -> None:
    session.add(Role(name="new", permissions=[]))


async def insert_note(session: AsyncSession, owner_id: UUID) -> None:
    """Insert a row by the driver, if it is on."""
    await insert_row(session, SampleNote, {"title": "new", "body": "", "owner_id": owner_id}, SampleNoteRead)


async def write_by_both(session: AsyncSession) -> None:
    await insert_note(session, session.info["owner_id"])
    await write_by_orm(session)


def noting(ran: list[str], name: str) -> Callable[[], Awaitable[None]]:
    """Return a function that notes that it ran."""

    async def note_down() -> None:
        ran.append(name)

    return note_down


def run(client: TestClient, work: Callable[[Database], Awaitable[None]]) -> None:
    assert client.portal is not None
    client.portal.call(work, client.app_state["database"])


WRITES = [write_nothing, write_by_orm, write_without_flush, write_by_both]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("status", "expected"), [pytest.param(200, ["saved"], id="committed"), pytest.param(409, [], id="rolled-back")]
)
def test_function_runs_if_the_request_commits(
    client: TestClient, add_routes: AddRoutes, write: Write, status: int, expected: list[str]
) -> None:
    router, ran, owner = APIRouter(), list[str](), add_user(client, "owner@example.com")

    @router.post(PATH)
    async def save(session: SessionDep) -> Response:
        session.info["owner_id"] = owner.id
        after_commit(session, noting(ran, "saved"))
        await write(session)
        return Response(status_code=status)

    add_routes(router)

    assert client.post(PATH).status_code == status
    assert ran == expected


def test_function_does_not_run_if_the_commit_fails(client: TestClient, add_routes: AddRoutes) -> None:
    router, ran = APIRouter(), list[str]()

    @router.post(PATH)
    async def save(session: SessionDep) -> None:
        after_commit(session, noting(ran, "saved"))
        session.add(UserRole(user_id=UUID(int=7), role_id=UUID(int=7)))

    add_routes(router)

    assert client.post(PATH).status_code == 409
    assert ran == []


def test_functions_see_the_committed_rows_and_run_in_order(client: TestClient, add_routes: AddRoutes) -> None:
    router, ran = APIRouter(), list[str]()

    @router.post(PATH)
    async def save(session: SessionDep, database: DatabaseDep) -> None:
        async def read() -> None:
            async with database.read_sessions() as reading:
                ran.append((await reading.scalars(select(Role.name))).one())

        await write_by_orm(session)
        after_commit(session, read)
        after_commit(session, noting(ran, "last"))

    add_routes(router)

    assert client.post(PATH).status_code == 200
    assert ran == ["new", "last"]


def test_error_is_logged_and_changes_nothing(
    client: TestClient, add_routes: AddRoutes, caplog: pytest.LogCaptureFixture
) -> None:
    router, ran = APIRouter(), list[str]()

    async def fail() -> None:
        raise Conflict

    @router.post(PATH)
    async def save(session: SessionDep) -> str:
        await write_by_orm(session)
        after_commit(session, fail)
        after_commit(session, noting(ran, "saved"))
        return "saved"

    add_routes(router)

    assert client.post(PATH).json() == "saved"
    assert ran == ["saved"]
    assert "failed after the commit" in caplog.text
    assert "fail" in caplog.text


def test_function_cannot_use_the_session(
    client: TestClient, add_routes: AddRoutes, caplog: pytest.LogCaptureFixture
) -> None:
    router = APIRouter()

    @router.post(PATH)
    async def save(session: SessionDep) -> None:
        async def write_more() -> None:
            await session.scalar(select(Role))

        after_commit(session, write_more)

    add_routes(router)

    assert client.post(PATH).status_code == 200
    assert "ClosedSessionError" in caplog.text


def test_get_route_needs_a_write_session(client: TestClient, add_routes: AddRoutes) -> None:
    router, ran = APIRouter(), list[str]()

    @router.get(PATH)
    async def read(session: SessionDep) -> None:
        with pytest.raises(ReadOnlySessionError, match="WriteSessionDep"):
            after_commit(session, noting(ran, "saved"))

    @router.get(f"{PATH}/write")
    async def write(session: WriteSessionDep) -> None:
        after_commit(session, noting(ran, "saved"))

    add_routes(router)

    assert (client.get(PATH).status_code, ran) == (200, [])
    assert (client.get(f"{PATH}/write").status_code, ran) == (200, ["saved"])


class Unwanted(Exception):
    """Rolls a transaction back."""


@pytest.mark.parametrize("is_released", [True, False])
def test_function_is_dropped_with_its_savepoint(client: TestClient, is_released: bool) -> None:  # noqa: FBT001
    ran: list[str] = []

    async def work(database: Database) -> None:
        async with database.sessions.begin() as session:
            after_commit(session, noting(ran, "before"))
            async with session.begin_nested() as outer:
                after_commit(session, noting(ran, "outer"))
                async with session.begin_nested():
                    after_commit(session, noting(ran, "inner"))
                await write_by_orm(session)
                if not is_released:
                    await outer.rollback()
            after_commit(session, noting(ran, "after"))
            assert ran == []

    run(client, work)

    assert ran == (["before", "outer", "inner", "after"] if is_released else ["before", "after"])


def test_function_survives_a_savepoint_in_the_transaction_of_the_driver(client: TestClient) -> None:
    ran, owner = list[str](), add_user(client, "owner@example.com")

    async def work(database: Database) -> None:
        async with database.sessions() as session:
            await insert_note(session, owner.id)
            after_commit(session, noting(ran, "before"))
            with suppress(Unwanted):
                async with session.begin_nested():
                    await write_by_orm(session)
                    after_commit(session, noting(ran, "inner"))
                    raise Unwanted
            await session.commit()
            after_commit(session, noting(ran, "not committed"))

    run(client, work)

    assert ran == ["before"]


def test_block_in_a_transaction_is_rejected(client: TestClient) -> None:
    ran, owner = list[str](), add_user(client, "owner@example.com")

    async def work(database: Database) -> None:
        async with database.sessions() as session:
            await insert_note(session, owner.id)
            after_commit(session, noting(ran, "rolled back"))
            with pytest.raises(InvalidRequestError, match="already begun"):
                await session.begin()

    run(client, work)

    assert ran == []


@pytest.mark.parametrize("write", [write_nothing, write_by_orm])
def test_function_of_a_rolled_back_block_does_not_run(client: TestClient, write: Write) -> None:
    ran: list[str] = []

    async def work(database: Database) -> None:
        with suppress(Unwanted):
            async with database.sessions.begin() as session:
                await write(session)
                after_commit(session, noting(ran, "block"))
                raise Unwanted
        async with database.sessions() as session:
            await write(session)
            after_commit(session, noting(ran, "rolled back"))
            await session.rollback()
            await session.commit()
        with pytest.raises(ClosedSessionError):
            after_commit(session, noting(ran, "closed"))

    run(client, work)

    assert ran == []
