"""WebSockets and event streams of a real server: shutdown, ended sessions, and clients that misbehave."""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import update
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.accounts.models import AuthSession, User
from app.database.base import utc_now
from tests.server import SECONDS_TO_STOP, Server, running_server
from tests.support import in_database, sign_in, wait_until

PATH = "/api/v1/sample-notes"
STREAMS = 20
SECONDS_OF_GRACE = 20  # for which servers wait for open responses
HALF_OPEN = 2000
MAX_MESSAGE = 4096
MEBIBYTE = 1024 * 1024

StartServer = Callable[..., Server]


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[StartServer]:
    """Start a server that has the sample feature, and accepts the access tokens of `client`."""
    same = {"DATABASE_URL": database_url, "BASE_URL": "http://127.0.0.1:8000"}
    with ExitStack() as running:
        yield lambda **changes: running.enter_context(
            running_server(tmp_path, module="tests.sample_server", **same, **changes)
        )


def token_of(client: TestClient, user: User) -> str:
    return sign_in(client, user).headers["Authorization"].removeprefix("Bearer ")


def open_socket(server: Server, token: str, **options: Any) -> ClientConnection:
    """Connect as browsers do, with the token as a subprotocol."""
    url = str(server.client.base_url.copy_with(scheme="ws", path=f"{PATH}/socket"))
    return connect(url, subprotocols=["bearer", token], open_timeout=SECONDS_TO_STOP, **options)  # type: ignore[list-item]


def close_code(connection: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        connection.recv(SECONDS_TO_STOP)
    return closed.value.rcvd.code if closed.value.rcvd else None


@contextmanager
def open_stream(server: Server, token: str) -> Iterator[httpx.Response]:
    with server.client.stream("GET", f"{PATH}/events", headers={"Authorization": f"Bearer {token}"}) as response:
        assert response.status_code == 200
        yield response


def resident_bytes(server: Server) -> int:
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def test_live_connections_of_a_server(start: StartServer, client: TestClient, ada: User, bob: User) -> None:
    """Several checks in one test, because starting a server takes long."""
    server = start(SERVER_MAX_CONCURRENT_REQUESTS="3", SERVER_LIVE_CHECK_INTERVAL="200ms")
    adas, bobs = token_of(client, ada), token_of(client, bob)

    with ExitStack() as stack:
        streams = [stack.enter_context(open_stream(server, adas)) for _ in range(STREAMS)]
        sockets = [stack.enter_context(open_socket(server, token)) for token in (adas, bobs)]
        assert sockets[0].subprotocol == "bearer"
        assert server.client.get("/health/ready").status_code == 200
        for connection in sockets:
            connection.send("hello")
            assert json.loads(connection.recv())[1] == "hello"

        ended = update(AuthSession).where(AuthSession.user_id == ada.id).values(revoked_at=utc_now())
        in_database(client, lambda session: session.execute(ended))  # by another process
        assert close_code(sockets[0]) == 4401
        for response in streams:
            response.read()  # ends without an error

        remaining = stack.enter_context(open_stream(server, bobs))
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert close_code(sockets[1]) == 1012
        remaining.read()
        assert server.process.wait(SECONDS_TO_STOP) in {0, -signal.SIGTERM}
        assert time.monotonic() - began < SECONDS_OF_GRACE / 2

    log = server.log.read_text()
    assert log.count(f"app.requests GET {PATH}/events 200 ") == STREAMS + 1
    assert log.count(f"app.requests WEBSOCKET {PATH}/socket 4401 ") == 1
    assert log.count(f"app.requests WEBSOCKET {PATH}/socket 1012 ") == 1
    assert "Traceback" not in log
    assert adas not in log


@pytest.mark.any_database
def test_two_workers_end_their_live_connections(start: StartServer, client: TestClient, ada: User) -> None:
    server = start(SERVER_WORKERS="2")
    token = token_of(client, ada)

    with ExitStack() as stack:
        sockets = [stack.enter_context(open_socket(server, token)) for _ in range(8)]
        streams = [stack.enter_context(open_stream(server, token)) for _ in range(8)]
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert {close_code(connection) for connection in sockets} == {1012}
        for response in streams:
            response.read()
        assert server.process.wait(SECONDS_TO_STOP) in {0, -signal.SIGTERM}
        assert time.monotonic() - began < SECONDS_OF_GRACE / 2
    assert "Traceback" not in server.log.read_text()


@pytest.mark.any_database
def test_misbehaving_clients(start: StartServer, client: TestClient, ada: User, bob: User) -> None:
    server = start(SERVER_MAX_BODY_BYTES=str(MAX_MESSAGE))
    adas, bobs = token_of(client, ada), token_of(client, bob)
    before = resident_bytes(server)

    with ExitStack() as stack:
        address = (server.client.base_url.host, server.client.base_url.port or 0)
        for _ in range(HALF_OPEN):
            half_open = stack.enter_context(socket.create_connection(address))
            half_open.sendall(f"GET {PATH}/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n".encode())
        assert server.client.get("/health/ready").status_code == 200

        sockets = [stack.enter_context(open_socket(server, adas)) for _ in range(50)]
        for _ in range(150):
            with pytest.raises(InvalidStatus) as rejected:
                open_socket(server, adas)
            assert rejected.value.response.status_code == 429
        sockets[0].send("x" * (MAX_MESSAGE - 100))
        assert sockets[0].recv()
        sockets[0].send("x" * (MAX_MESSAGE + 100))
        assert close_code(sockets[0]) == 1009
        with suppress(ConnectionClosed):  # while it sends
            sockets[1].send(iter([""] * 2000))
        assert close_code(sockets[1]) in {1009, None}  # None: the server hung up before the client had sent it all

        for index in range(5000):
            sockets[2].send(str(index))
        assert [json.loads(sockets[2].recv())[1] for _ in range(5000)][-1] == "4999"
        sockets[3].send("flood")  # and never read

        pinging = stack.enter_context(socket.create_connection(address, timeout=3))
        key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + b"a" * 22 + b"=="
        token = f"Sec-WebSocket-Protocol: bearer, {bobs}".encode()
        upgrade = b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket"
        pinging.sendall(b"\r\n".join([f"GET {PATH}/socket HTTP/1.1".encode(), upgrade, key, token, b"", b""]))
        assert pinging.recv(12) == b"HTTP/1.1 101"
        with pytest.raises(TimeoutError):  # it doesn't read the answers, so the server stops reading
            pinging.sendall((b"\x89\xfd" + bytes(4) + b"x" * 125) * 400_000)
        assert server.client.get("/health/ready").status_code == 200
        assert resident_bytes(server) - before < 100 * MEBIBYTE
    wait_until(lambda: server.client.get("/health/ready").status_code == 200)
    assert "Traceback" not in server.log.read_text()
