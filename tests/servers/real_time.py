"""A client of WebSockets and event streams: writes what it saw before and after a shutdown.

python real_time.py PORT PID EMAIL PASSWORD
"""

import http.client
import json
import os
import signal
import sys
import time
from typing import Any

from websockets.exceptions import (  # type: ignore[import-not-found] # of the servers
    ConnectionClosed,
    InvalidStatus,
)
from websockets.sync.client import (  # type: ignore[import-not-found] # of the servers
    ClientConnection,
    connect,
)

port, pid, email, password = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
SOCKET, EVENTS = "/api/v1/echo", "/api/v1/ticks"
SECONDS = 60


def send(method: str, path: str, token: str = "", body: object = None) -> http.client.HTTPResponse:
    """Send a request; return the response, whose body is still to be read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    return connection.getresponse()


def sign_in() -> str:
    """Return an access token."""
    body = {"email": email, "password": password}
    token: str = json.load(send("POST", "/api/v1/auth/login", body=body))["access_token"]
    return token


def open_socket(*subprotocols: str) -> ClientConnection:
    """Open a WebSocket."""
    url = f"ws://127.0.0.1:{port}{SOCKET}"
    return connect(url, subprotocols=subprotocols or None, open_timeout=SECONDS).__enter__()


def rejection() -> int:
    """Return the status of a handshake without a token."""
    try:
        open_socket()
    except InvalidStatus as error:
        status: int = error.response.status_code
        return status
    return 101


def close_code(connection: ClientConnection) -> int | None:
    """Wait until the server closes a WebSocket."""
    try:
        connection.recv(SECONDS)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
    raise AssertionError("a message was received")


def end_of(stream: http.client.HTTPResponse) -> str:
    """Wait until the server ends a stream."""
    try:
        stream.read()
    except (http.client.HTTPException, OSError):
        return "cut"
    return "complete"


token, other = sign_in(), sign_in()
facts: dict[str, Any] = {"rejected": rejection()}
echo = open_socket("bearer", token)
echo.send("hello")
facts["echo"], facts["subprotocol"] = echo.recv(SECONDS), echo.subprotocol
ticks = send("GET", EVENTS, token)
facts["first event"] = ticks.readline().decode().strip()
send("POST", "/api/v1/auth/logout", token).read()
facts["signed out"] = [close_code(echo), end_of(ticks)]

echo, ticks = open_socket("bearer", other), send("GET", EVENTS, other)
ticks.readline()
began = time.monotonic()
os.kill(pid, signal.SIGTERM)
facts["stopped"] = [close_code(echo), end_of(ticks)]
facts["stopped at once"] = time.monotonic() - began < 5
sys.stdout.write(json.dumps(facts))
