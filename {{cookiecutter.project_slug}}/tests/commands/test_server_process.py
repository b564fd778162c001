"""The server as a process: proxy headers, response headers, shutdown, and durability after a kill."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx2 as httpx
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from tests.server import SECONDS_TO_STOP, Server
from tests.support import PASSWORD, in_database, problem_of, wait_until

StartServer = Callable[..., Server]

WRITES = 200
ACKNOWLEDGED_BEFORE_KILL = 20


def login_from(server: Server, user: User, forwarded_for: str) -> httpx.Response:
    credentials = {"email": user.email, "password": PASSWORD}
    return server.client.post("/api/v1/auth/login", json=credentials, headers={"X-Forwarded-For": forwarded_for})


def recorded_ip(client: TestClient, server: Server, user: User, forwarded_for: str) -> str | None:
    """Sign in with an X-Forwarded-For header; return the IP address of the session."""
    assert login_from(server, user, forwarded_for).status_code == 200
    newest = select(AuthSession.ip_first).order_by(AuthSession.id.desc()).limit(1)
    return in_database(client, lambda session: session.scalar(newest))


@pytest.mark.database("sqlite")
def test_forwarded_address_of_a_trusted_proxy_is_used(start_server: StartServer, client: TestClient, ada: User) -> None:
    server = start_server(SERVER_TRUSTED_PROXIES="10.0.0.0/8,127.0.0.1")

    assert recorded_ip(client, server, ada, "203.0.113.9") == "203.0.113.9"
    assert recorded_ip(client, server, ada, "203.0.113.9, 10.1.2.3") == "203.0.113.9"
    assert recorded_ip(client, server, ada, "6.6.6.6, 198.51.100.7") == "198.51.100.7", "the first can be forged"
    assert "is ignored" not in server.log.read_text()


@pytest.mark.database("sqlite")
def test_default_server(start_server: StartServer, client: TestClient, ada: User) -> None:
    """Several short checks in one test, because starting a server takes long. Behaviour 112."""
    server = start_server(AUTH_IP_ATTEMPTS_PER_MINUTE="2")

    assert recorded_ip(client, server, ada, "203.0.113.9") == "127.0.0.1", "no proxy is trusted by default"
    assert recorded_ip(client, server, ada, "203.0.113.10") == "127.0.0.1"
    assert login_from(server, ada, "203.0.113.11").status_code == 429
    assert server.log.read_text().count("X-Forwarded-For from 127.0.0.1 is ignored") == 1
    assert "SERVER_TRUSTED_PROXIES" in server.log.read_text()

    assert server.client.get("/docs/assets/swagger-ui.css").status_code == 200
    assert server.client.get("/docs/assets/nothing.css").status_code == 404
    wait_until(lambda: "GET /docs/assets/nothing.css 404" in server.log.read_text())
    assert "swagger-ui.css" not in server.log.read_text(), "successful requests for assets are not logged"

    live = server.client.get("/health/live")
    assert "Server" not in live.headers
    assert "X-Request-ID" in live.headers

    def endless() -> Iterator[bytes]:
        for _ in range(2048):
            yield b" " * 1024

    too_large = server.client.post("/api/v1/auth/login", content=endless())
    assert problem_of(too_large)["status"] == 413

    sent = [server.client.get("/health/live").headers["X-Request-ID"] for _ in range(100)]
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(SECONDS_TO_STOP) in {0, -signal.SIGTERM}
    logged = re.findall(r"GET /health/live 200 .* request_id=(\S+)$", server.log.read_text(), re.MULTILINE)
    assert logged[-100:] == sent, "a shutdown loses no line"


def test_killed_server_loses_no_acknowledged_write(start_server: StartServer, client: TestClient) -> None:
    server = start_server(AUTH_IP_ATTEMPTS_PER_MINUTE=str(WRITES))
    acknowledged: list[str] = []

    def write(number: int) -> None:
        email = f"user{number}@example.com"
        with suppress(httpx.TransportError):  # killed before it responded: not acknowledged
            response = server.client.post("/api/v1/auth/register", json={"email": email, "password": PASSWORD})
            if response.status_code == 202:
                acknowledged.append(email)
        if len(acknowledged) >= ACKNOWLEDGED_BEFORE_KILL:
            os.kill(server.process.pid, signal.SIGKILL)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(write, range(WRITES)))

    assert server.process.wait(SECONDS_TO_STOP) == -signal.SIGKILL
    assert ACKNOWLEDGED_BEFORE_KILL <= len(acknowledged) < WRITES
    stored = set(in_database(client, lambda session: session.scalars(select(User.email))))
    assert stored >= set(acknowledged)
