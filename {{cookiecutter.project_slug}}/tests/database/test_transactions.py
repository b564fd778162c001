"""A request's session: when it commits or rolls back, and that it can't be used afterwards."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from fastapi.routing import APIRoute
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from app.accounts.models import Role, UserRole
from app.api.dependencies import DatabaseDep, SessionDep, WriteSessionDep
from app.database.base import Base
from app.database.connection import Database
from app.database.sessions import ClosedSessionError
from app.errors import Conflict, Problem
from tests.support import in_database, problem_of

PATH = "/api/v1/roles-of-the-test"

AddRoutes = Callable[[APIRouter], None]


def names(client: TestClient) -> Sequence[str]:
    """Return the names of the saved roles."""

    async def read(session: AsyncSession) -> Sequence[str]:
        return (await session.scalars(select(Role.name).order_by(Role.name))).all()

    return in_database(client, read)


async def add_role(session: AsyncSession, name: str = "new") -> Role:
    role = Role(name=name, permissions=[])
    session.add(role)
    await session.flush()
    return role


async def return_an_error() -> Response:
    return JSONResponse({"errors": {}}, 409)


async def raise_a_problem() -> Response:
    raise Conflict


async def fail() -> Response:
    raise LookupError


async def redirect() -> Response:
    return RedirectResponse("/", 303)


class OwnErrors(APIRoute):
    """Returns problems in a custom format."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle problems before FastAPI does."""
        handle = super().get_route_handler()

        async def handle_problems(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                return JSONResponse({"errors": {"body": [problem.title]}}, problem.status)

        return handle_problems


@pytest.mark.parametrize("route_class", [APIRoute, OwnErrors])
@pytest.mark.parametrize(
    ("respond", "outcome"),
    [
        pytest.param(return_an_error, (409, []), id="returned"),
        pytest.param(raise_a_problem, (409, []), id="raised"),
        pytest.param(fail, (500, []), id="bug"),
        pytest.param(redirect, (303, ["new"]), id="redirected"),
    ],
)
def test_response_decides_whether_a_write_is_committed(
    client: TestClient,
    add_routes: AddRoutes,
    respond: Callable[[], Awaitable[Response]],
    outcome: tuple[int, list[str]],
    route_class: type[APIRoute],
) -> None:
    router = APIRouter(route_class=route_class)

    @router.post(PATH)
    async def write(session: SessionDep) -> Response:
        await add_role(session)
        return await respond()

    add_routes(router)

    assert (client.post(PATH).status_code, names(client)) == outcome


def test_error_status_set_by_a_route_rolls_back(client: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    @router.post(PATH)
    async def write(session: SessionDep, response: Response) -> str:
        response.status_code = 422
        return (await add_role(session)).name

    add_routes(router)

    assert (client.post(PATH).status_code, names(client)) == (422, [])


def test_exception_with_a_redirect_rolls_back(client: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    @router.post(PATH)
    async def write(session: SessionDep) -> None:
        await add_role(session)
        raise HTTPException(303, headers={"Location": "/"})

    add_routes(router)

    assert (client.post(PATH).status_code, names(client)) == (303, [])


@pytest.mark.parametrize(
    ("make_row", "status"),
    [
        pytest.param(lambda: UserRole(user_id=UUID(int=7), role_id=UUID(int=7)), 409, id="expected"),
        pytest.param(lambda: Role(name="taken", permissions=[]), 500, id="bug"),
    ],
)
def test_failed_commit_returns_an_error_and_starts_no_background_task(
    client: TestClient, add_routes: AddRoutes, make_row: Callable[[], Base], status: int
) -> None:
    router, ran = APIRouter(), list[str]()

    @router.post(PATH)
    async def write(session: SessionDep, tasks: BackgroundTasks) -> str:
        tasks.add_task(ran.append, "saved")
        session.add(make_row())
        return "saved"

    add_routes(router)
    in_database(client, lambda session: add_role(session, "taken"))

    response = client.post(PATH)

    assert problem_of(response)["status"] == status
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert (ran, names(client)) == ([], ["taken"])


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_background_task_cannot_use_the_session_of_its_request(
    client: TestClient, add_routes: AddRoutes, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    router = APIRouter()

    async def write_later(session: AsyncSession) -> None:
        await add_role(session, "later")

    @router.api_route(PATH, methods=[method])
    async def response(session: SessionDep, tasks: BackgroundTasks) -> None:
        await session.scalar(select(Role))
        tasks.add_task(write_later, session)

    add_routes(router)

    for _ in range(12):  # more than the connections of the pool
        with pytest.raises(ClosedSessionError, match="open a new one"):
            client.request(method, PATH)
    assert "database.sessions.begin()" in caplog.text
    assert client.get("/health/ready").status_code == 200
    assert names(client) == []


def test_background_task_opens_a_session(client: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    async def write_later(database: Database, before: Role) -> None:
        async with database.sessions.begin() as session:
            await add_role(session, f"after {before.name}")

    @router.post(PATH)
    async def response(session: SessionDep, database: DatabaseDep, tasks: BackgroundTasks) -> None:
        tasks.add_task(write_later, database, await add_role(session))

    add_routes(router)

    assert client.post(PATH).status_code == 200
    assert names(client) == ["after new", "new"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_streamed_body_cannot_use_the_session_of_its_request(
    client: TestClient, add_routes: AddRoutes, method: str
) -> None:
    router = APIRouter()

    async def read(session: AsyncSession) -> AsyncIterator[str]:
        yield str((await session.scalars(select(Role.name))).all())

    @router.api_route(PATH, methods=[method])
    async def stream(session: SessionDep) -> StreamingResponse:
        return StreamingResponse(read(session))

    add_routes(router)

    with pytest.raises(ClosedSessionError, match="open a new one"):
        client.request(method, PATH)


def test_streamed_body_opens_a_session(client: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    async def read(database: Database) -> AsyncIterator[str]:
        async with database.read_sessions() as session:
            yield ",".join((await session.scalars(select(Role.name))).all())

    @router.post(PATH)
    async def stream(session: SessionDep, database: DatabaseDep) -> StreamingResponse:
        await add_role(session)
        return StreamingResponse(read(database))

    add_routes(router)

    assert client.post(PATH).text == "new"  # what was committed before the response started


@pytest.mark.parametrize("factory", ["sessions", "read_sessions"])
def test_closed_session_cannot_be_reopened(client: TestClient, factory: str) -> None:
    async def use_after_close() -> None:
        async with getattr(client.app_state["database"], factory)() as session:
            await session.scalar(select(Role))
        with pytest.raises(ClosedSessionError):
            await session.run_sync(lambda closed: closed.scalar(select(Role)))
        await session.scalar(select(Role))

    assert client.portal is not None
    with pytest.raises(ClosedSessionError):
        client.portal.call(use_after_close)


async def flush(session: AsyncSession) -> None:
    await add_role(session)


async def forget_to_flush(session: AsyncSession) -> None:
    session.add(Role(name="new", permissions=[]))


async def insert_row(session: AsyncSession) -> None:
    await session.execute(insert(Role).values(name="new", permissions=[]))


async def insert_into_table(session: AsyncSession) -> None:
    await session.execute(insert(Base.metadata.tables["roles"]).values(name="new", permissions=[]))


async def delete_rows(session: AsyncSession) -> None:
    await session.execute(delete(Role))


async def delete_row(session: AsyncSession) -> None:
    await session.delete((await session.scalars(select(Role))).one())


async def change_row(session: AsyncSession) -> None:
    (await session.scalars(select(Role))).one().name = "changed"


WRITES = [flush, forget_to_flush, insert_row, insert_into_table, delete_rows, delete_row, change_row]


@pytest.mark.parametrize("write", WRITES)
def test_read_only_session_rejects_writes(
    client: TestClient, add_routes: AddRoutes, caplog: pytest.LogCaptureFixture, write: Any
) -> None:
    router = APIRouter()

    @router.get(PATH)
    async def read(session: SessionDep) -> None:
        await write(session)

    add_routes(router)
    in_database(client, lambda session: add_role(session, "before"))

    assert problem_of(client.get(PATH))["status"] == 500
    assert "WriteSessionDep" in caplog.text
    assert names(client) == ["before"]


def test_read_only_session_allows_setting_an_equal_value(client: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    @router.get(PATH)
    async def read(session: SessionDep) -> str:
        role = (await session.scalars(select(Role))).one()
        role.name = str(role.name)
        return role.name

    add_routes(router)
    in_database(client, add_role)

    assert client.get(PATH).json() == "new"


def test_get_route_can_ask_for_a_write_session(client: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    async def find(session: SessionDep, name: str) -> Role | None:
        return await session.scalar(select(Role).where(Role.name == name))

    @router.get(PATH)
    async def confirm(session: WriteSessionDep, role: Annotated[Role | None, Depends(find)], status: int) -> Response:
        if role is not None:
            role.name = "confirmed"
        session.add(Role(name="not flushed", permissions=[]))
        return Response(status_code=status)

    add_routes(router)
    in_database(client, add_role)

    assert client.get(f"{PATH}?name=new&status=409").status_code == 409
    assert names(client) == ["new"]
    assert client.get(f"{PATH}?name=new&status=200").status_code == 200
    assert names(client) == ["confirmed", "not flushed"]


def test_other_methods_share_one_session(client: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    @router.post(PATH)
    async def compare(one: SessionDep, other: WriteSessionDep) -> bool:
        return one is other

    add_routes(router)

    assert client.post(PATH).json() is True


def test_write_session_after_a_read_only_one_is_an_error(
    client: TestClient, add_routes: AddRoutes, caplog: pytest.LogCaptureFixture
) -> None:
    router = APIRouter()

    @router.get(PATH)
    async def read(one: SessionDep, other: WriteSessionDep) -> None:
        raise AssertionError((one, other))

    add_routes(router)

    assert client.get(PATH).status_code == 500
    assert "put WriteSessionDep first" in caplog.text
