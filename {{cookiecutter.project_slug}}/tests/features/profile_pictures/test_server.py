"""Uploads that are slow, end early or announce a wrong length, on a real server."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from starlette.testclient import TestClient

from app.accounts.models import User
from tests.features.profile_pictures.helpers import MINE, count_rows
from tests.files.helpers import image_bytes
from tests.server import SECONDS_TO_STOP, Server
from tests.support import PASSWORD

READ_TIMEOUT_SECONDS = 0.6
PART = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="me.png"\r\nContent-Type: image/png\r\n\r\n'
BODY = PART + image_bytes("PNG", 40, 30) + b"\r\n--b--\r\n"


def _send(server: Server, token: str, length: int, body: bytes) -> socket.socket:
    """Send an upload that announces a length."""
    url = server.client.base_url
    connection = socket.create_connection((url.host, url.port), timeout=SECONDS_TO_STOP)
    head = f"PUT {MINE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n"
    head += f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def _status(connection: socket.socket) -> bytes:
    """Return the status of the response."""
    with connection:
        return connection.recv(12)


def test_incomplete_uploads_store_nothing(
    client: TestClient, ada: User, start_server: Callable[..., Server], tmp_path: Path
) -> None:
    store = tmp_path / "uploads"
    server = start_server(SERVER_READ_TIMEOUT="600ms", FILES_URL=f"file:{store}")
    login = server.client.post("/api/v1/auth/login", json={"email": ada.email, "password": PASSWORD})
    token = login.json()["access_token"]

    slow = _send(server, token, 5000, BODY[:-30])
    early = _send(server, token, len(BODY) + 1, BODY)
    early.shutdown(socket.SHUT_WR)
    short = _send(server, token, len(BODY) - 30, BODY)
    for _ in range(25):  # for longer than the timeout, a byte now and then
        time.sleep(READ_TIMEOUT_SECONDS / 10)
        try:
            slow.sendall(b"x")
        except OSError:
            break

    assert _status(slow) == b"HTTP/1.1 408"
    assert _status(early) == b""
    assert _status(short) == b"HTTP/1.1 422"
    assert [path for path in store.rglob("*") if path.is_file()] == []
    assert count_rows(client) == (0, 0)
    assert _status(_send(server, token, len(BODY), BODY)) == b"HTTP/1.1 200"
    assert len([path for path in store.rglob("*") if path.is_file()]) == 1
    assert count_rows(client) == (1, 1)
