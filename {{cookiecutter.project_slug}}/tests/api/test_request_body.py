"""Bodies that the app doesn't read are received before the response, within limits."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.testclient import TestClient

from app.api import request_body
from app.settings.config import Settings

pytestmark = pytest.mark.any_database

CHUNK = b"x" * 1000


class Exchange:
    """A request that is sent in chunks of a thousand bytes, and what happened in which order."""

    def __init__(self, chunks: int, *, hangs: bool = False) -> None:
        self.chunks, self.hangs = chunks, hangs
        self.events: list[Any] = []

    @property
    def received(self) -> int:
        """How many chunks were received."""
        return self.events.count("received")

    async def receive(self) -> Any:
        """Return the next chunk; after the last one, wait or disconnect."""
        if self.received == self.chunks:
            if self.hangs:
                await anyio.sleep_forever()
            return {"type": "http.disconnect"}
        self.events.append("received")
        return {"type": "http.request", "body": CHUNK, "more_body": self.hangs or self.received < self.chunks}

    async def send(self, message: Any) -> None:
        """Remember what was sent."""
        part = message["type"].removeprefix("http.response.")
        if part == "start":
            self.events.append(message["status"])
        else:
            self.events.append("more" if message.get("more_body") else "end")

    def run(self, client: TestClient, path: str, *headers: tuple[bytes, bytes], **scope: Any) -> list[Any]:
        """Send the request to the app and return the events."""
        request = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": list(headers),
            "state": dict(client.app_state),
            **scope,
        }
        assert client.portal is not None
        client.portal.call(client.app, request, self.receive, self.send)
        return self.events


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/api/v1/auth/login", [(b"content-length", b"3000000")], 413, id="too-large"),
        pytest.param(
            "/login", [(b"content-length", b"3000"), (b"sec-fetch-site", b"cross-site")], 403, id="cross-site"
        ),
        pytest.param("/api/nowhere", [(b"transfer-encoding", b"chunked")], 404, id="not-found"),
    ],
)
def test_response_is_sent_after_the_body(
    client: TestClient, path: str, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    assert Exchange(3).run(client, path, *headers) == ["received", "received", "received", status, "end"]


def test_body_over_http2_needs_no_length(client: TestClient) -> None:
    events = Exchange(2).run(client, "/api/nowhere", http_version="2")

    assert events == ["received", "received", 404, "end"]


def test_rest_of_a_chunked_body_over_the_limit_is_received(client: TestClient, settings: Settings) -> None:
    allowed = settings.server.max_body_bytes // len(CHUNK) + 1

    events = Exchange(allowed + 2).run(client, "/api/v1/auth/login", (b"transfer-encoding", b"chunked"))

    assert events == ["received"] * (allowed + 2) + [413, "end"]


def test_client_that_waits_for_100_continue_is_not_asked_for_the_body(client: TestClient) -> None:
    headers = [(b"content-length", b"3000"), (b"expect", b"100-continue")]

    assert Exchange(3).run(client, "/api/nowhere", *headers) == [404, "end"]


def test_discarding_ends_at_the_limit(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "MAX_DISCARDED_BYTES", 2000)

    events = Exchange(9).run(client, "/api/nowhere", (b"content-length", b"9000"))

    assert events == ["received", "received", 404, "end"]


def test_discarding_ends_in_time(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "DISCARD_SECONDS", 0.05)

    events = Exchange(1, hangs=True).run(client, "/api/nowhere", (b"content-length", b"9000"))

    assert events == ["received", 404, "end"]


def test_stream_can_read_the_body_later(client: TestClient, add_routes: Callable[[APIRouter], None]) -> None:
    router = APIRouter()

    @router.post("/api/echo")
    async def echo(request: Request) -> StreamingResponse:
        return StreamingResponse(request.stream())

    add_routes(router)

    events = Exchange(2).run(client, "/api/echo", (b"content-length", b"2000"))

    assert events == ["received", 200, "more", "received", "more", "more", "end"]


def test_request_without_a_body_is_answered_in_one_message(client: TestClient) -> None:
    assert Exchange(0).run(client, "/api/nowhere", (b"content-length", b"0")) == [404, "end"]
    assert Exchange(0).run(client, "/health/live", method="GET") == [200, "end"]
