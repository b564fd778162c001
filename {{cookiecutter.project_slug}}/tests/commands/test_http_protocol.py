"""The bundled server's limits on incomplete requests: size, time and number of connections."""

import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import uvicorn
import websockets.sync.client
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.commands.http_protocol import LimitedHttpProtocol, raise_open_files_limit
from app.commands.websocket_protocol import LimitedWebSocketProtocol
from app.settings.config import load_settings
from tests.server import SECONDS_TO_STOP, Server, running_server
from tests.support import wait_until

MAX_CONNECTIONS = 20
NO_PINGS: Mapping[str, Any] = {}
READ_TIMEOUT_SECONDS = 0.6

HEAD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
CLOSE = b"Connection: close\r\n\r\n"
GET = HEAD + b"\r\n"
LOGIN = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + b"a" * 24


@pytest.fixture(scope="module")
def server(shared_sqlite: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "DATABASE_URL": shared_sqlite(),
        "SERVER_MAX_CONNECTIONS": str(MAX_CONNECTIONS),
        "SERVER_READ_TIMEOUT": "600ms",
    }
    with running_server(tmp_path_factory.mktemp("server"), **settings) as server:
        yield server


def connect(server: Server) -> socket.socket:
    url = server.client.base_url
    return socket.create_connection((url.host, url.port), timeout=SECONDS_TO_STOP)


def read_until_closed(connection: socket.socket) -> bytes:
    """Return everything the server sends until it closes the connection."""
    received = bytearray()
    with connection, suppress(ConnectionResetError):  # if the server had unread data
        while chunk := connection.recv(65_536):
            received += chunk
    return bytes(received)


def exchange(server: Server, *pieces: bytes) -> bytes:
    connection = connect(server)
    send(connection, *pieces)
    return read_until_closed(connection)


def send(connection: socket.socket, *pieces: bytes) -> None:
    """Send as much as the server accepts."""
    with suppress(OSError):
        for piece in pieces:
            connection.sendall(piece)


def peak_memory(server: Server) -> int:
    """Return the peak memory of the process in bytes; 0 on systems without /proc."""
    status = Path(f"/proc/{server.process.pid}/status")
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines()) if status.exists() else {}
    return int(lines.get("VmHWM", "0 kB").split()[0]) * 1024


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        pytest.param([HEAD, b"a:\r\n" * 2_000_000], b"431", id="8-MB-of-lines"),
        pytest.param([HEAD, b"a: ", *[b"x" * 1_000_000] * 150], b"431", id="150-MB-line"),
        pytest.param([HEAD, b"a:\r\n" * 1000, CLOSE], b"431", id="many-headers"),
        pytest.param([HEAD, UPGRADE, b"\r\n", b"a: b\r\n" * 100_000], b"431", id="websocket"),
        pytest.param([b"GET /", b"x" * 40_000, b" HTTP/1.1\r\nHost: x\r\n", CLOSE], b"414", id="long-url"),
        pytest.param([b"GET /", *[b"x" * 1_000_000] * 8], b"414", id="endless-url"),
        pytest.param([b"\r\n" * 1_000_000], b"431", id="empty-lines"),
        pytest.param([CHUNKED, b"0\r\n", b"a:\r\n" * 2_000_000], b"431", id="many-trailers"),
        pytest.param([CHUNKED, b"0\r\na: ", *[b"x" * 1_000_000] * 8], b"431", id="endless-trailer"),
        pytest.param([CHUNKED, b"1;", *[b"x" * 1_000_000] * 8], b"431", id="endless-chunk-extension"),
    ],
)
def test_data_buffered_by_the_parser_is_limited(server: Server, pieces: list[bytes], status: bytes) -> None:
    before = peak_memory(server)

    response = exchange(server, *pieces)

    assert response.startswith(b"HTTP/1.1 " + status)
    assert b"content-type: application/problem+json\r\n" in response
    assert b"connection: close\r\n" in response
    assert peak_memory(server) - before < 5_000_000


def test_headers_below_the_limit_are_accepted(server: Server) -> None:
    request = HEAD + b"a: b\r\n" * 900 + b"b: " + b"x" * 1000 + b"\r\n" + CLOSE

    assert exchange(server, request).startswith(b"HTTP/1.1 200")
    assert exchange(server, request[:-1], request[-1:]).startswith(b"HTTP/1.1 200")


def test_body_does_not_count_as_headers(server: Server) -> None:
    body = b" " * 500_000
    request = LOGIN + b"Connection: close\r\nContent-Length: 500000\r\n\r\n"

    assert exchange(server, request + body).startswith(b"HTTP/1.1 422")
    assert exchange(server, request, body).startswith(b"HTTP/1.1 422")


def test_trailers_do_not_become_headers(server: Server) -> None:
    trailer = b"0\r\nX-Request-ID: from-a-trailer\r\n\r\n"

    responses = exchange(server, CHUNKED + trailer + HEAD + CLOSE)

    assert responses.count(b"HTTP/1.1 ") == 2
    assert b"from-a-trailer" not in responses


def test_number_of_pipelined_requests_is_limited(server: Server) -> None:
    few = exchange(server, GET * 19 + HEAD + CLOSE)
    many = exchange(server, GET * 10_000)

    assert few.count(b"HTTP/1.1 200") == 20
    assert 20 <= many.count(b"HTTP/1.1 200") < 2000


def test_incomplete_request_times_out(server: Server) -> None:
    """All concurrently, because each has to wait. The slow ones send a byte occasionally."""
    started = {
        "nothing": b"",
        "partial head": HEAD,
        "partial body": LOGIN + b"Content-Length: 50\r\n\r\n{",
        "partial chunk": CHUNKED,
        "slow head": HEAD,
        "slow body": LOGIN + b"Content-Length: 5000\r\n\r\n",
    }
    connections = {name: connect(server) for name in started}
    for name, connection in connections.items():
        send(connection, started[name])
    fast = connect(server)
    send(fast, LOGIN + b"Connection: close\r\nContent-Length: 2500\r\n\r\n")

    for _ in range(25):  # fast enough, for longer than the timeout
        time.sleep(READ_TIMEOUT_SECONDS / 10)
        send(fast, b" " * 100)
        for name in ("slow head", "slow body"):
            send(connections[name], b"x")

    responses = {name: read_until_closed(connection) for name, connection in connections.items()}
    assert {name for name, response in responses.items() if b"HTTP/1.1 408" not in response} == {"nothing"}
    assert responses["nothing"] == b""
    assert read_until_closed(fast).startswith(b"HTTP/1.1 422")


def test_idle_connections_are_closed_for_new_ones(server: Server) -> None:
    idle = [connect(server) for _ in range(MAX_CONNECTIONS)]
    url = f"{server.client.base_url}/health/live"

    assert httpx.get(url).status_code == 200
    assert read_until_closed(idle[0]) == b""
    assert "21 connections are open" in server.log.read_text()
    for connection in idle:
        connection.close()


def test_open_files_limit_is_raised() -> None:
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))

    raised = raise_open_files_limit.__wrapped__()

    assert raised == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def served(app: ASGIApp, pings: Mapping[str, Any] = NO_PINGS, **limits: Any) -> Iterator[uvicorn.Server]:
    """Serve an application in a thread, with asyncio's own event loop."""
    settings = load_settings(secret_key="x" * 32, server=limits)

    async def with_settings(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        scope["state"]["settings"] = settings
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})

    options: Any = {"http": LimitedHttpProtocol, "ws": LimitedWebSocketProtocol, "loop": "asyncio", "log_config": None}
    server = uvicorn.Server(uvicorn.Config(with_settings, port=0, **options, **pings))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield server
    server.should_exit = True
    thread.join()


def address_of(server: uvicorn.Server) -> tuple[str, int]:
    host, port = server.servers[0].sockets[0].getsockname()
    return host, port


@pytest.mark.parametrize("pieces", [1, 100], ids=["one-chunk", "streamed"])
def test_client_that_does_not_read_the_response_is_disconnected(pieces: int) -> None:
    ended = threading.Event()

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield b"x" * (20_000_000 // pieces)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(stream())(scope, receive, send)
        ended.set()

    with served(app, read_timeout=0.2) as server, socket.create_connection(address_of(server)) as silent:
        silent.sendall(GET)
        with socket.create_connection(address_of(server)) as reader:
            reader.sendall(HEAD + CLOSE)
            assert len(read_until_closed(reader)) > 20_000_000

        assert ended.wait(SECONDS_TO_STOP)
        deadline = time.monotonic() + SECONDS_TO_STOP
        while server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server.server_state.connections


def test_client_that_does_not_read_its_websocket_is_disconnected() -> None:
    ended, sent = threading.Event(), 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        flood = WebSocket(scope, receive, send)
        await flood.accept()
        try:
            while True:
                await flood.send_bytes(b"x" * 1_000_000)
                sent += 1_000_000
        except WebSocketDisconnect:
            ended.set()

    pings = {"ws_ping_interval": 0.2, "ws_ping_timeout": 0.2}
    with served(app, pings) as server, socket.create_connection(address_of(server)) as silent:
        silent.sendall(HEAD + UPGRADE.replace(b"a" * 24, b"a" * 22 + b"==") + b"\r\n\r\n")
        assert ended.wait(SECONDS_TO_STOP)
        wait_until(lambda: not server.server_state.connections)
    assert sent < 20_000_000, "`send` waits"


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(HEAD + UPGRADE + b"\r\n" + b"a: b\r\n" * 200 + b"\r\n", id="many-headers"),
        pytest.param(HEAD + UPGRADE + b"\r\na: " + b"x" * 10_000 + b"\r\n\r\n", id="long-header"),
    ],
)
def test_invalid_websocket_handshake_is_rejected(server: Server, request_head: bytes) -> None:
    assert exchange(server, request_head).startswith(b"HTTP/1.1 400")


def test_websocket_does_not_time_out() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    with served(echo, read_timeout=0.1) as server:
        host, port = address_of(server)
        with websockets.sync.client.connect(f"ws://{host}:{port}/") as client:
            time.sleep(0.3)
            client.send("still open")
            assert client.recv() == "still open"
