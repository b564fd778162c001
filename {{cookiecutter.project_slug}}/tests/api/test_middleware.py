"""Middleware: request IDs, security headers, limits, CORS and the cross-site check."""

import logging
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import anyio
import pytest
from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from starlette.datastructures import MutableHeaders
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from app.errors import Conflict
from app.main import create_app
from app.settings.config import Settings
from tests.support import SECONDS_TO_WAIT, add_user, problem_of, sign_in

pytestmark = pytest.mark.any_database

StartApp = Callable[..., TestClient]

LOGIN = "/api/v1/auth/login"


@pytest.mark.parametrize("sent", ["abcdefgh", "0196-aZ.09_x", "x" * 64])
def test_valid_request_id_of_the_client_is_used(client: TestClient, sent: str) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": sent}).headers["X-Request-ID"] == sent


@pytest.mark.parametrize(
    "sent", [None, "short", "x" * 65, "with space in it", "new\tline-here", "<script>alert</script>"]
)
def test_other_requests_get_a_generated_id(client: TestClient, sent: str | None) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent}

    made = client.get("/health/live", headers=headers).headers["X-Request-ID"]

    assert UUID(made).version == 7


def test_request_is_logged_with_its_id_and_without_its_query(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.requests")

    client.get("/nowhere%0Aforged?token=secret", headers={"X-Request-ID": "request-of-ada"})

    [record] = [record for record in caplog.records if record.name == "app.requests"]
    assert record.getMessage() == "GET /nowhere\\nforged 404"
    assert "secret" not in str(vars(record))


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        pytest.param("/a-~!$&'()*+,;=:@._", "/a-~!$&'()*+,;=:@._", id="plain"),
        pytest.param("//a//", "//a//", id="empty-segments"),
        pytest.param("/" + "x" * 39, "/" + "x" * 39, id="short-segment"),
        pytest.param("/" + "x" * 40, "/*", id="long-segment"),
        pytest.param("/a/" + "x" * 60 + "/b%0A", "/a/*/b\\n", id="long-segment-and-newline"),
        pytest.param("/a%5Cn", "/a\\\\n", id="backslash"),
        pytest.param("/a%0A", "/a\\n", id="final-newline"),
        pytest.param("/a%20b%7F%C3%A9%E2%82%AC", "/a b\\x7f\\xe9\\u20ac", id="not-ascii"),
    ],
)
def test_path_is_logged_in_printable_ascii(
    client: TestClient, caplog: pytest.LogCaptureFixture, path: str, logged: str
) -> None:
    caplog.set_level(logging.INFO, "app.requests")

    client.get(f"http://testserver{path}")

    [line] = [record.getMessage() for record in caplog.records if record.name == "app.requests"]
    assert line == f"GET {logged} 404"


def test_token_in_a_path_is_not_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app.requests")
    token = secrets.token_urlsafe(32)

    client.get(f"/verify/{token}/")

    [line] = [record.getMessage() for record in caplog.records if record.name == "app.requests"]
    assert re.fullmatch(r"GET /verify/\*/ \d+", line)


@pytest.mark.parametrize("path", ["/health/live", "/nowhere", "/api/v1/sample-notes", "/openapi.json"])
def test_every_response_has_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_responses_are_not_cached(as_ada: TestClient) -> None:
    """Behaviour 142."""
    for path in ("/api/v1/users/me", "/api/v1/sample-notes"):
        response = as_ada.get(path)
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


def test_content_security_policy_allows_no_inline_code_and_no_other_host(client: TestClient) -> None:
    """Behaviour 139."""
    policy = client.get("/health/live").headers["Content-Security-Policy"]

    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["object-src"] == directives["base-uri"] == directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert "http" not in policy


def test_https_sends_hsts(start_app: StartApp) -> None:
    """Behaviour 139."""
    secure = start_app(base_url="https://example.com")

    assert secure.get("/health/live").headers["Strict-Transport-Security"] == "max-age=31536000"


def chunks(size: int) -> Iterator[bytes]:
    """Yield a body in chunks, so that it is sent without `Content-Length`."""
    for _ in range(size // 1000):
        yield b" " * 1000


def test_content_length_over_the_limit_returns_413(start_app: StartApp) -> None:
    client = start_app(server={"max_body_bytes": 2000})

    response = client.post(LOGIN, content=b" " * 2001)

    assert problem_of(response)["status"] == 413
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_chunked_body_over_the_limit_returns_413(start_app: StartApp) -> None:
    client = start_app(server={"max_body_bytes": 2000})

    response = client.post(LOGIN, content=chunks(3000), headers={"Content-Type": "application/json"})

    assert problem_of(response)["status"] == 413


def test_limit_applies_to_routes_that_read_the_body_themselves(
    client: TestClient, add_routes: Callable[[APIRouter], None]
) -> None:
    router = APIRouter()

    @router.post("/api/v1/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    add_routes(router)

    assert client.post("/api/v1/read", content=chunks(10_000)).json() == 10_000
    assert problem_of(client.post("/api/v1/read", content=chunks(2_000_000)))["status"] == 413


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/login", {"a": "x" * 5000}, 431, id="long-header"),
        pytest.param("/login", {f"a{number}": "" for number in range(200)}, 431, id="many-headers"),
        pytest.param("/login?" + "x" * 5000, {}, 414, id="long-query"),
        pytest.param("/" + "x" * 5000, {}, 414, id="long-path"),
    ],
)
def test_headers_over_the_limit_are_rejected_under_any_server(
    start_app: StartApp, path: str, headers: dict[str, str], status: int
) -> None:
    client = start_app(server={"max_header_bytes": 4096})

    assert problem_of(client.get(path, headers=headers))["status"] == status


def test_websocket_with_headers_over_the_limit_is_rejected(
    client: TestClient, add_routes: Callable[[APIRouter], None]
) -> None:
    router = APIRouter()

    @router.websocket("/socket")
    async def accept(socket: WebSocket) -> None:
        await socket.accept()

    add_routes(router)

    with client.websocket_connect("/socket", headers={"a": "x" * 20_000}):
        pass
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/socket", headers={"a": "x" * 40_000}):
        pass


def test_bug_after_the_response_started_closes_the_connection(
    client: TestClient, add_routes: Callable[[APIRouter], None], caplog: pytest.LogCaptureFixture
) -> None:
    router = APIRouter()

    def lines() -> Iterator[bytes]:
        yield b"the beginning\n"
        raise RuntimeError("in the middle")

    @router.get("/api/v1/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(lines())

    add_routes(router)

    with pytest.raises(RuntimeError, match="in the middle"):
        client.get("/api/v1/stream")
    assert "in the middle" in caplog.text


@pytest.mark.parametrize("body", [pytest.param(b" " * 2000, id="content-length"), pytest.param(None, id="chunked")])
def test_body_at_the_limit_is_accepted(start_app: StartApp, body: bytes | None) -> None:
    client = start_app(server={"max_body_bytes": 2000})

    response = client.post(LOGIN, content=body or chunks(2000), headers={"Content-Type": "application/json"})

    assert response.status_code == 422


def test_request_waits_for_a_slot_or_gets_503(make_settings: Callable[..., Settings]) -> None:
    limits = {"max_concurrent_requests": 1, "queue_timeout": 0.5}
    app = create_app(make_settings(server={"cors_origins": "https://app.example", **limits}))
    entered, leave = threading.Event(), anyio.Event()

    @app.get("/slow")
    async def wait() -> None:
        entered.set()
        await leave.wait()

    with TestClient(app) as client, ThreadPoolExecutor() as threads:
        assert client.portal is not None
        slow = threads.submit(client.get, "/slow")
        assert entered.wait(SECONDS_TO_WAIT)

        rejected = client.get("/api/v1/sample-notes", headers=APP)
        alive = client.get("/health/live")
        queued = threads.submit(client.post, "/api/v1/auth/login", json={})
        client.portal.call(leave.set)

        assert problem_of(rejected)["status"] == 503
        assert rejected.headers["Retry-After"] == "1"
        assert rejected.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert [alive.status_code, slow.result().status_code, queued.result().status_code] == [200, 200, 422]
        assert client.get("/api/v1/sample-notes").status_code == 401


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("POST", b"{}")])
def test_request_of_a_disconnected_client_is_dropped_from_the_queue(
    make_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture, method: str, body: bytes
) -> None:
    caplog.set_level(logging.INFO, "app.requests")
    app = create_app(make_settings(server={"max_concurrent_requests": 1, "queue_timeout": SECONDS_TO_WAIT}))
    entered, leave, calls = threading.Event(), anyio.Event(), []

    @app.get("/slow")
    async def wait() -> None:
        entered.set()
        await leave.wait()

    @app.api_route("/queued", methods=["GET", "POST"])
    async def note(sent: dict[str, Any] | None = None) -> None:  # noqa: ARG001 - so that the body is read
        calls.append(1)

    def impatient(state: dict[str, Any]) -> Any:
        messages = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]
        headers = [(b"content-length", str(len(body)).encode())]
        scope = {
            "type": "http",
            "method": method,
            "path": "/queued",
            "query_string": b"",
            "headers": headers,
            "state": state,
        }

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            raise AssertionError(message)

        return app, scope, receive, send

    with TestClient(app) as client, ThreadPoolExecutor() as threads:
        assert client.portal is not None
        slow = threads.submit(client.get, "/slow")
        assert entered.wait(SECONDS_TO_WAIT)
        gone = client.portal.start_task_soon(*impatient(dict(client.app_state)))
        client.portal.call(anyio.sleep, 0.05)
        client.portal.call(leave.set)
        gone.result(SECONDS_TO_WAIT)

        assert (slow.result().status_code, calls) == (200, [])
        assert f"{method} /queued 499" in caplog.text
        assert client.request(method, "/queued").status_code == 200
        assert calls == [1]


def test_client_that_disconnects_within_the_body_is_not_an_error(
    make_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.requests")
    app = create_app(make_settings())

    @app.post("/read")
    async def read(request: Request) -> None:
        await request.body()

    messages = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]
    headers = [(b"content-length", b"8")]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    with TestClient(app) as client:
        assert client.portal is not None
        state = dict(client.app_state)
        scope = {"type": "http", "method": "POST", "path": "/read", "query_string": b"", "headers": headers}
        client.portal.call(app, {**scope, "state": state}, receive, send)

    assert [record.levelname for record in caplog.records if record.name == "app.requests"] == ["INFO"]
    assert "POST /read 499" in caplog.text


def test_slow_client_does_not_occupy_a_slot(make_settings: Callable[..., Settings]) -> None:
    app = create_app(make_settings(server={"max_concurrent_requests": 1, "queue_timeout": 0.5}))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/auth/login",
        "query_string": b"",
        "headers": [(b"content-length", b"9")],
        "client": ("10.0.0.1", 1),
    }

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        raise AssertionError(message)

    with TestClient(app) as client:
        assert client.portal is not None
        scope["state"] = dict(client.app_state)
        sender = client.portal.start_task_soon(app, scope, receive, send)

        assert client.get("/api/v1/sample-notes").status_code == 401
        sender.cancel()


def test_other_sites_get_no_cors_headers(client: TestClient) -> None:
    """Behaviour 141."""
    headers = {"Origin": "https://other.example", "Access-Control-Request-Method": "GET"}

    preflight = client.options("/api/v1/sample-notes", headers=headers)
    for response in (client.get("/health/live", headers=headers), preflight):
        assert not [name for name in response.headers if name.lower().startswith("access-control")]


APP = {"Origin": "https://app.example"}


def test_configured_origin_can_call_the_api(start_app: StartApp) -> None:
    """Behaviour 141."""
    client = start_app(server={"cors_origins": "https://app.example"})
    asked = "authorization, if-match, if-none-match, idempotency-key, traceparent, baggage, x-requested-with"
    asks = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": asked}

    for path in ("/api/v1/sample-notes", "/api/v1/nowhere"):
        allowed = client.options(path, headers={**APP, **asks})
        rejected = client.options(path, headers={"Origin": "https://other.example", **asks})

        assert allowed.status_code == 200
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert allowed.headers["Access-Control-Allow-Headers"] == asked
        assert "PATCH" in allowed.headers["Access-Control-Allow-Methods"]
        assert "Origin" in allowed.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in allowed.headers
        assert "Access-Control-Allow-Origin" not in rejected.headers


@pytest.mark.parametrize(
    ("send", "status"),
    [
        pytest.param(lambda c: c.get("/health/live", headers=APP), 200, id="success"),
        pytest.param(lambda c: c.get("/api/v1/sample-notes", headers=APP), 401, id="anonymous"),
        pytest.param(lambda c: c.get("/api/v1/nowhere", headers=APP), 404, id="unknown-route"),
        pytest.param(lambda c: c.put("/api/v1/sample-notes", headers=APP), 405, id="wrong-method"),
        pytest.param(lambda c: c.post(LOGIN, content=b"x" * 3000, headers=APP), 413, id="content-length"),
        pytest.param(lambda c: c.post(LOGIN, content=chunks(3000), headers=APP), 413, id="chunked-body"),
        pytest.param(lambda c: c.get("/health/live?" + "x" * 5000, headers=APP), 414, id="long-url"),
        pytest.param(lambda c: c.post(LOGIN, json={}, headers=APP), 422, id="invalid"),
        pytest.param(lambda c: c.get("/health/live", headers={**APP, "a": "x" * 5000}), 431, id="large-headers"),
        pytest.param(lambda c: c.get("/bug", headers=APP), 500, id="bug"),
    ],
)
def test_configured_origin_can_read_every_response(
    make_settings: Callable[..., Settings], send: Callable[[TestClient], Any], status: int
) -> None:
    limits = {"max_body_bytes": 2000, "max_header_bytes": 4096}
    app = create_app(make_settings(server={"cors_origins": "https://app.example", **limits}))

    @app.get("/bug")
    async def fail() -> None:
        raise RuntimeError

    with TestClient(app) as client:
        response = send(client)

    exposed = {"ETag", "Location", "Retry-After", "X-Request-ID"}
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert exposed <= set(response.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="fetch-metadata"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="same-site"),
        pytest.param({"Origin": "https://evil.example"}, id="origin"),
        pytest.param({"Origin": "null"}, id="null-origin"),
        pytest.param({"Origin": "https://testserver"}, id="other-scheme"),
        pytest.param({"Origin": "http://testserver:8080"}, id="other-port"),
        pytest.param({"Origin": "https://127.0.0.1:8000"}, id="other-scheme-than-the-base-url"),
        pytest.param({"Origin": "http://["}, id="malformed"),
        pytest.param({"Origin": "http://testserver:99999"}, id="malformed-port"),
        pytest.param({"Origin": "http://", "Host": ""}, id="no-host"),
        pytest.param({"Referer": "https://evil.example/page"}, id="referer"),
        pytest.param({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"}, id="metadata-before-origin"),
    ],
)
def test_cross_site_request_outside_the_api_is_rejected(client: TestClient, headers: dict[str, str]) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        problem = problem_of(client.request(method, "/anywhere", headers=headers))
        assert problem["type"] == "urn:problem:CrossSiteRequest"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="not-a-browser"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, id="own-page"),
        pytest.param({"Sec-Fetch-Site": "none"}, id="typed-address"),
        pytest.param({"Origin": "http://127.0.0.1:8000"}, id="base-url"),
        pytest.param({"Origin": "http://testserver"}, id="host"),
        pytest.param({"Origin": "http://TESTSERVER:80"}, id="equivalent-host"),
        pytest.param({"Referer": "http://testserver/page"}, id="referer"),
    ],
)
def test_same_site_request_outside_the_api_is_accepted(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/anywhere", headers=headers).status_code == 404


def test_api_can_be_called_from_any_site(client: TestClient) -> None:
    assert client.post(LOGIN, json={}, headers={"Origin": "https://other.example"}).status_code == 422


@pytest.mark.parametrize("base", [trace.TracerProvider, trace.ProxyTracerProvider], ids=["set up", "not set up"])
def test_requests_are_traced_if_a_provider_is_set_up(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, base: type[trace.TracerProvider]
) -> None:
    names = []

    class Tracer(trace.NoOpTracer):
        def start_span(self, name: str, *arguments: Any, **options: Any) -> trace.Span:
            names.append(name)
            return super().start_span(name, *arguments, **options)

    class Provider(base):  # type: ignore[misc, valid-type]
        def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
            return Tracer()

    monkeypatch.setattr(trace, "get_tracer_provider", Provider)

    with TestClient(create_app(make_settings())) as client:
        assert client.get("/health/live").status_code == 200
    assert ("GET" in names) == (base is trace.TracerProvider)


class OwnMiddleware:
    """Middleware as an owner adds it in `create_app`, before `RequestMiddleware`."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self.app, self.name = app, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject a path, replace a status, and add the middleware's name to a header."""
        if scope.get("path") == "/teapot":
            raise Conflict("I'm a teapot")

        async def send_changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("X-Passed", self.name)
                if scope["query_string"] == b"fail":
                    message["status"] = 409
            await send(message)

        await self.app(scope, receive, send_changed)


@pytest.fixture
def with_own_middleware(settings: Settings) -> Iterator[TestClient]:
    app = create_app(settings)
    for name in ("inner", "outer"):
        app.add_middleware(OwnMiddleware, name=name)
    app.user_middleware.insert(0, app.user_middleware.pop(-2))  # as if RequestMiddleware were added last
    with TestClient(app) as client:
        yield client


def test_own_middleware_is_inside_and_the_last_one_is_the_outermost(with_own_middleware: TestClient) -> None:
    passed, rejected = (with_own_middleware.get(path) for path in ("/health/live", "/teapot"))

    assert passed.headers.get_list("X-Passed") == ["inner", "outer"]
    assert problem_of(rejected)["detail"] == "I'm a teapot"
    for response in (passed, rejected):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Request-ID"]
    assert with_own_middleware.get(f"/{'x' * 40_000}").headers.get_list("X-Passed") == []


@pytest.mark.parametrize(("query", "name"), [("", "Ada"), ("?fail", "")])
def test_status_set_by_own_middleware_decides_about_the_commit(
    with_own_middleware: TestClient, query: str, name: str
) -> None:
    client = sign_in(with_own_middleware, add_user(with_own_middleware, "ada@example.com"))

    client.patch(f"/api/v1/users/me{query}", json={"display_name": "Ada"})

    assert client.get("/api/v1/users/me").json()["display_name"] == name
