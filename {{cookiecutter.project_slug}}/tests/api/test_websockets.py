"""WebSockets: authentication, database sessions and errors."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from fastapi import APIRouter, WebSocket
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from app.accounts.api.dependencies import ClientDep, CurrentScope, OptionalScope, RecentScope
from app.accounts.models import Role
from app.api.dependencies import DatabaseDep, SessionDep, WriteSessionDep
from app.database.sessions import ClosedSessionError
from app.errors import Conflict
from tests.support import in_database

PATH = "/api/v1/socket"
PAGE = "/socket"


@pytest.fixture
def sockets(add_routes: Callable[[APIRouter], None]) -> None:
    """Add WebSocket routes that return their caller, or fail on request."""
    router = APIRouter()

    @router.websocket(f"{PATH}/maybe")
    async def greet(socket: WebSocket, scope: OptionalScope, client: ClientDep) -> None:
        await socket.accept()
        await socket.send_json([scope and scope.email, client.user_agent, bool(client.request_id)])

    @router.websocket(PAGE)
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    @router.websocket(PATH)
    async def count_roles(socket: WebSocket, scope: CurrentScope, session: SessionDep, database: DatabaseDep) -> None:
        await session.scalar(select(Role))
        await socket.accept()
        async for text in socket.iter_text():
            if text == "conflict":
                raise Conflict
            if text == "reuse":
                await session.scalar(select(Role))
            async with database.read_sessions() as own:
                await socket.send_json([scope.email, len((await own.scalars(select(Role))).all())])

    @router.websocket(f"{PATH}/write")
    async def write(socket: WebSocket, session: WriteSessionDep, fail: bool) -> None:  # noqa: FBT001
        session.add(Role(name="new", permissions=[]))
        if fail:
            raise Conflict
        await socket.accept()
        await socket.receive_text()

    @router.websocket(f"{PATH}/recent")
    async def be_recent(socket: WebSocket, scope: RecentScope) -> None:
        await socket.accept()
        await socket.send_text(scope.email)

    add_routes(router)


def ask(caller: TestClient, text: str) -> str:
    """Send a message to a WebSocket and return the reply."""
    with caller.websocket_connect(PATH) as socket:
        socket.send_text(text)
        return socket.receive_text()


def roles(client: TestClient) -> list[str]:
    """Return the roles that were saved."""

    async def read(session: AsyncSession) -> list[str]:
        return list((await session.scalars(select(Role.name))).all())

    return in_database(client, read)


@pytest.mark.usefixtures("sockets")
def test_websocket_knows_its_caller(client: TestClient, as_ada: TestClient) -> None:
    for caller, email in ((client, None), (as_ada, "ada@example.com")):
        with caller.websocket_connect(f"{PATH}/maybe") as socket:
            assert socket.receive_json() == [email, "testclient", True]
    with as_ada.websocket_connect(f"{PATH}/recent") as socket:
        assert socket.receive_text() == "ada@example.com"


@pytest.mark.usefixtures("sockets")
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
def test_unauthenticated_handshake_returns_401(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDenialResponse) as rejected, client.websocket_connect(PATH, headers=headers):
        pass

    assert rejected.value.status_code == 401
    assert rejected.value.headers["Content-Type"] == "application/problem+json"


@pytest.mark.usefixtures("sockets")
def test_open_websockets_hold_no_database_connection(client: TestClient, as_ada: TestClient) -> None:
    with ExitStack() as stack:
        for _ in range(12):  # more than the connections of the pool
            socket = stack.enter_context(as_ada.websocket_connect(PATH))
            socket.send_text("")
            assert socket.receive_json() == ["ada@example.com", 0]
        assert client.get("/health/ready").status_code == 200


@pytest.mark.usefixtures("sockets")
def test_session_of_the_handshake_is_closed_afterwards(as_ada: TestClient) -> None:
    with pytest.raises(ClosedSessionError, match="open a new one"):
        ask(as_ada, "reuse")


@pytest.mark.usefixtures("sockets")
def test_handshake_commits_when_it_is_accepted(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as rejected,
        client.websocket_connect(f"{PATH}/write?fail=true"),
    ):
        pass
    assert (rejected.value.status_code, roles(client)) == (409, [])

    with client.websocket_connect(f"{PATH}/write?fail=false") as socket:
        assert roles(client) == ["new"]
        socket.send_text("")


@pytest.mark.usefixtures("sockets")
def test_error_closes_an_open_websocket(as_ada: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as closed:
        ask(as_ada, "conflict")

    assert closed.value.code == 4409


@pytest.mark.usefixtures("sockets")
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="fetch-metadata"),
        pytest.param({"Origin": "null"}, id="null-origin"),
    ],
)
def test_cross_site_websocket_outside_the_api_is_rejected(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(PAGE, headers=dict(headers)):
        pass
    with client.websocket_connect(f"{PATH}/maybe", headers=dict(headers)) as socket:
        assert socket.receive_json()[0] is None


@pytest.mark.usefixtures("sockets")
@pytest.mark.parametrize("origin", ["http://testserver", "http://127.0.0.1:8000", None])
def test_same_site_pages_and_api_clients_can_open_websockets(client: TestClient, origin: str | None) -> None:
    with client.websocket_connect(PAGE, headers={"Origin": origin} if origin else {}) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
