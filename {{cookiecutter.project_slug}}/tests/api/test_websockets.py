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


@pytest.fixture
def more_sockets(add_routes: Callable[[APIRouter], None]) -> None:
    """Add WebSocket routes that return what the client offered, or raise an exception."""
    router = APIRouter()

    @router.websocket(f"{PATH}/subprotocols")
    async def list_subprotocols(socket: WebSocket, scope: CurrentScope, own: bool = False) -> None:  # noqa: FBT001, FBT002
        await socket.accept(subprotocol=socket.scope["subprotocols"][0] if own else None)
        await socket.send_json(
            [scope.email, socket.scope["subprotocols"], socket.headers.get("sec-websocket-protocol")]
        )

    @router.websocket(f"{PATH}/broken")
    async def fail(socket: WebSocket, early: bool) -> None:  # noqa: FBT001
        if not early:
            await socket.accept()
        raise ZeroDivisionError

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
def test_session_of_the_handshake_is_closed_afterwards(as_ada: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(WebSocketDisconnect) as closed:
        ask(as_ada, "reuse")

    assert closed.value.code == 4500
    assert caplog.records[0].exc_info is not None
    assert isinstance(caplog.records[0].exc_info[1], ClosedSessionError)


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

    assert (closed.value.code, closed.value.reason) == (4409, "Conflict")


@pytest.mark.usefixtures("more_sockets")
def test_unexpected_error_is_a_close_code_or_a_problem(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect(f"{PATH}/broken?early=false", headers={"X-Request-ID": "late-error"}) as socket,
    ):
        socket.receive_text()
    with pytest.raises(WebSocketDenialResponse) as rejected, client.websocket_connect(f"{PATH}/broken?early=true"):
        pass

    assert (closed.value.code, closed.value.reason) == (4500, "Internal server error")
    assert "failed: late-error" in caplog.text
    assert rejected.value.status_code == 500
    assert rejected.value.json()["request_id"] == rejected.value.headers["X-Request-ID"]


@pytest.mark.usefixtures("more_sockets")
def test_invalid_parameter_is_a_problem(client: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as rejected, client.websocket_connect(f"{PATH}/broken?early=perhaps"):
        pass

    assert (rejected.value.status_code, rejected.value.json()["errors"][0]["loc"]) == (422, ["query", "early"])


@pytest.mark.usefixtures("sockets")
def test_end_of_the_route_closes_the_websocket(client: TestClient) -> None:
    with client.websocket_connect(f"{PATH}/maybe") as socket:
        socket.receive_json()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()

    assert closed.value.code == 1000


@pytest.mark.usefixtures("more_sockets")
def test_token_as_subprotocol(client: TestClient, as_ada: TestClient) -> None:
    token = as_ada.headers["Authorization"].removeprefix("Bearer ")
    path = f"{PATH}/subprotocols"

    with client.websocket_connect(path, ["bearer", token]) as socket:
        assert socket.accepted_subprotocol == "bearer"
        assert socket.receive_json() == ["ada@example.com", [], None]
    with client.websocket_connect(f"{path}?own=true", ["chat", "bearer", token]) as socket:
        assert socket.accepted_subprotocol == "chat"
        assert socket.receive_json() == ["ada@example.com", ["chat"], None]
    for offered in (["bearer"], ["bearer", "nonsense"], [token], [token, "bearer"]):
        with pytest.raises(WebSocketDenialResponse) as rejected, client.websocket_connect(path, offered):
            pass
        assert rejected.value.status_code == 401


@pytest.mark.usefixtures("sockets")
@pytest.mark.parametrize("name", ["token", "access_token", "authorization"])
def test_token_in_the_url_is_rejected(client: TestClient, as_ada: TestClient, name: str) -> None:
    token = as_ada.headers["Authorization"].removeprefix("Bearer ")

    with pytest.raises(WebSocketDenialResponse) as rejected, client.websocket_connect(f"{PATH}?{name}={token}"):
        pass

    assert rejected.value.status_code == 422


@pytest.mark.usefixtures("sockets")
def test_websocket_is_logged_when_it_ends(
    client: TestClient, as_ada: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "app.requests")

    with as_ada.websocket_connect(PATH, headers={"X-Request-ID": "left-first"}) as socket:
        assert (b"x-request-id", b"left-first") in (socket.extra_headers or [])
        assert "WEBSOCKET" not in caplog.text
        socket.close(1001)
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect(PATH, headers={"X-Request-ID": "rejected"}):
        pass

    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("WEBSOCKET")]
    assert lines == [f"WEBSOCKET {PATH} 1001", f"WEBSOCKET {PATH} 401"]


@pytest.mark.usefixtures("sockets")
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="fetch-metadata"),
        pytest.param({"Origin": "null"}, id="null-origin"),
        pytest.param({"Origin": "https://testserver"}, id="scheme"),
        pytest.param({"Origin": "http://testserver:8080"}, id="port"),
        pytest.param({"Origin": "http://testserver.evil.example"}, id="suffix"),
        pytest.param({"Origin": ""}, id="empty"),
    ],
)
def test_cross_site_websocket_outside_the_api_is_rejected(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDenialResponse) as rejected, client.websocket_connect(PAGE, headers=dict(headers)):
        pass
    assert (rejected.value.status_code, rejected.value.json()["type"]) == (403, "urn:problem:CrossSiteRequest")
    with client.websocket_connect(f"{PATH}/maybe", headers=dict(headers)) as socket:
        assert socket.receive_json()[0] is None


def test_site_with_an_https_url_accepts_no_origin_with_http(start_app: Callable[..., TestClient]) -> None:
    client = start_app(base_url="https://shop.example")

    for origin, status in (("http://shop.example", 403), ("http://testserver", 403), ("https://shop.example", 404)):
        with (
            pytest.raises(WebSocketDisconnect) as closed,
            client.websocket_connect("/nowhere", headers={"Origin": origin}),
        ):
            pass
        assert getattr(closed.value, "status_code", 404) == status


@pytest.mark.usefixtures("sockets")
@pytest.mark.parametrize("origin", ["http://testserver", "http://127.0.0.1:8000", None])
def test_same_site_pages_and_api_clients_can_open_websockets(client: TestClient, origin: str | None) -> None:
    with client.websocket_connect(PAGE, headers={"Origin": origin} if origin else {}) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
