"""What was acknowledged is kept, even when the server is killed in the middle of its work."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from app import migrate
from tests.support import PASSWORD, add_user, sign_in

WRITES = 200
ACKNOWLEDGED_BEFORE_THE_KILL = 20


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Serve the app in a process of its own, on the database of the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(migrate.FOLDER.parent),
        "SECRET_KEY": "the tests' secret key: it protects nothing",
        "DATABASE_URL": database_url,
        "AUTH_ARGON2_MEMORY_KIB": "8",
        "SECRETS_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    yield process, f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the server did not get ready within 30 s")


def test_a_killed_server_has_lost_no_acknowledged_write(
    server: tuple[subprocess.Popen[bytes], str], start_app: Callable[..., TestClient]
) -> None:
    process, url = server
    client = start_app()
    ada = add_user(client, "ada@example.com")
    wait_until_ready(url)
    with httpx.Client(base_url=url, limits=httpx.Limits(max_connections=50), timeout=30) as browser:
        tokens = browser.post("/api/v1/auth/login", json={"email": ada.email, "password": PASSWORD})
        headers = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
        acknowledged: list[str] = []

        def write(number: int) -> None:
            try:
                answer = browser.post("/api/v1/notes", json={"title": f"note {number}"}, headers=headers)
            except httpx.TransportError:
                return  # killed before it could answer: not acknowledged
            if answer.status_code == 201:
                acknowledged.append(answer.json()["id"])
            if len(acknowledged) >= ACKNOWLEDGED_BEFORE_THE_KILL:
                os.kill(process.pid, signal.SIGKILL)

        with ThreadPoolExecutor(50) as threads:
            list(threads.map(write, range(WRITES)))

    kept = ids_of_all_notes(sign_in(client, ada))
    assert process.wait() == -signal.SIGKILL
    assert ACKNOWLEDGED_BEFORE_THE_KILL <= len(acknowledged) < WRITES
    assert set(acknowledged) <= kept


def ids_of_all_notes(caller: TestClient) -> set[str]:
    found: set[str] = set()
    cursor: str | None = None
    while True:
        page = caller.get("/api/v1/notes", params={"limit": 100, **({"cursor": cursor} if cursor else {})}).json()
        found |= {note["id"] for note in page["items"]}
        cursor = page["next_cursor"]
        if cursor is None:
            return found
