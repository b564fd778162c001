"""HEAD works for every GET route, with the same status and headers and without a body (RFC 9110 §9.3.2)."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.testclient import TestClient

from tests.routes import app_of, mounts_of, routes_of

pytestmark = pytest.mark.any_database

VOLATILE_HEADERS = {"x-request-id", "set-cookie", "content-length"}
"""`Content-Length` too, because the export of an account lists earlier exports."""


def seen(caller: TestClient, method: str, path: str) -> tuple[int, dict[str, str]]:
    """Return the status and headers of a response."""
    with caller.stream(method, path) as response:  # without waiting for the end of a stream
        return response.status_code, {
            name: value for name, value in response.headers.items() if name not in VOLATILE_HEADERS
        }


def test_head_returns_the_status_and_headers_of_get(client: TestClient, as_admin: TestClient) -> None:
    routes = [route.removeprefix("GET ") for route in routes_of(app_of(client)) if route.startswith("GET ")]
    paths = [re.sub(r"{\w+}", str(uuid4()), path) for path in routes] + [
        f"{path}/" for path in mounts_of(app_of(client))
    ]

    for path in paths:
        for caller in (client, as_admin):
            assert seen(caller, "HEAD", path) == seen(caller, "GET", path), path
    assert len(paths) > 10


@pytest.mark.parametrize("pieces", [1, 3])
def test_head_sends_no_body(client: TestClient, add_routes: Callable[[APIRouter], None], pieces: int) -> None:
    """Calls the app like a server, because the test client would drop the body."""
    router, sent = APIRouter(), list[Any]()

    def body() -> Iterator[bytes]:
        for _ in range(pieces):
            yield b"piece"

    @router.get("/api/v1/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(body(), headers={"Content-Length": str(5 * pieces)})

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    add_routes(router)
    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": "HEAD",
        "path": "/api/v1/stream",
        "query_string": b"",
        "headers": [],
        "state": dict(client.app_state),
    }
    assert client.portal is not None

    client.portal.call(app_of(client), scope, receive, send)

    start, end = sent
    assert (start["status"], dict(start["headers"])[b"content-length"]) == (200, str(5 * pieces).encode())
    assert (end["body"], end.get("more_body", False)) == (b"", False)
    assert scope["method"] == "HEAD"  # the server reads it, too


def test_head_is_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "app.requests")

    client.head("/health/live")

    assert "HEAD /health/live 200" in caplog.text
