"""`Idempotency-Key` with real workers: concurrent retries, and a client that does not wait."""

from pathlib import Path

from tests.baking import Bake
from tests.serving import run_dev

# Run in a project, because the notes can be removed from one, and the tests of the rest with them.
TESTS = '''
"""Retries of requests to two workers."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2 as httpx

from app.accounts.models import User
from tests.server import Server
from tests.support import log_in, wait_until

NOTES = "/api/v1/notes"


def test_retries_to_two_workers_create_one_row(
    ada: User, start_server: Callable[..., Server]
) -> None:
    client = start_server(SERVER_WORKERS="2").client
    client.headers["Authorization"] = f"Bearer {log_in(client, ada.email)['access_token']}"

    def create(number: int) -> httpx.Response:
        key = {"Idempotency-Key": f"key-{number // 8}"}
        headers = {**key, "Connection": "close"}  # so that both workers get requests
        return client.post(NOTES, json={"title": f"Note {number // 8}"}, headers=headers)

    with ThreadPoolExecutor(16) as threads:
        responses = list(threads.map(create, range(80)))

    rows = client.get(NOTES, params={"limit": 100}).json()["items"]
    assert len(rows) == 10
    created = [response for response in responses if response.status_code == 201]
    assert {response.json()["id"] for response in created} == {row["id"] for row in rows}
    others = [response for response in responses if response.status_code != 201]
    assert {response.json()["type"] for response in others} <= {"urn:problem:RequestInProgress"}
    assert len(created) + len(others) == 80
    assert create(0).headers["Idempotent-Replayed"] == "true"


def test_retry_right_after_an_error_is_executed(
    ada: User, start_server: Callable[..., Server]
) -> None:
    client = start_server().client
    client.headers["Authorization"] = f"Bearer {log_in(client, ada.email)['access_token']}"
    key = {"Idempotency-Key": "a-key"}

    statuses = {client.post(NOTES, json={"title": ""}, headers=key).status_code for _ in range(50)}

    assert statuses == {422}
    assert client.post(NOTES, json={"title": "Tea"}, headers=key).status_code == 201


def test_response_is_stored_for_a_client_that_has_left(
    ada: User, start_server: Callable[..., Server]
) -> None:
    server = start_server()
    client = server.client
    client.headers["Authorization"] = f"Bearer {log_in(client, ada.email)['access_token']}"
    address, body = urlsplit(str(client.base_url)), b'{"title": "Tea"}'
    headers = {
        "Host": "x",
        "Authorization": client.headers["Authorization"],
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Idempotency-Key": "a-key",
    }
    head = "".join(f"{name}: {value}\\r\\n" for name, value in headers.items())

    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(f"POST {NOTES} HTTP/1.1\\r\\n{head}\\r\\n".encode() + body)
    wait_until(lambda: f"POST {NOTES} " in server.log.read_text())

    key = {"Idempotency-Key": "a-key"}
    again = client.post(NOTES, content=body, headers={**key, "Content-Type": "application/json"})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert [row["title"] for row in client.get(NOTES).json()["items"]] == ["Tea"]
'''


def test_retries_to_real_servers_create_one_row(bake: Bake) -> None:
    project: Path = bake()
    (project / "tests" / "api" / "test_workers.py").write_text(TESTS.lstrip(), encoding="utf-8")

    printed = run_dev(project, "test", "tests/api/test_workers.py")

    assert " 6 passed" in printed
