"""The index of routes: the same answers as FastAPI's router, in a time that doesn't grow with the number of routes."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar
from unittest.mock import MagicMock
from urllib.parse import unquote

import pytest
from fastapi import APIRouter, FastAPI, Request, Response, WebSocket
from fastapi.routing import APIRoute
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Host, Match, Mount, NoMatchFound
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from app.api.routing import index_routes

pytestmark = pytest.mark.any_database


class ByHeader(APIRoute):
    """Matches only requests with a header."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:  # noqa: D102
        match, child_scope = super().matches(scope)
        return (match, child_scope) if (b"version", b"2") in scope["headers"] else (Match.NONE, {})


class Shouting(APIRoute):
    """Changes the responses of its routes."""

    def get_route_handler(self) -> Callable[[Request], Any]:  # noqa: D102
        handle = super().get_route_handler()

        async def shout(request: Request) -> Response:
            response = await handle(request)
            return Response(bytes(response.body).upper(), headers={"shouts": "yes"})

        return shout


class Teapot(APIRoute):
    """Handles its requests itself."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        await PlainTextResponse("teapot", 418)(scope, receive, send)


def route(name: str) -> Callable[[Request], Any]:
    """Return an endpoint that tells what it knows of its route."""

    async def endpoint(request: Request) -> dict[str, Any]:
        scope = request.scope
        own = {"endpoint": scope["endpoint"].__name__, "route": scope["route"].path, "params": request.path_params}
        return {"name": name, **own, "url": str(request.url_for("first", item_id=3)), "root": scope["root_path"]}

    endpoint.__name__ = name
    return endpoint


async def echo(socket: WebSocket, number: int) -> None:
    await socket.accept()
    await socket.send_text(f"{number + 1} {socket.url_for('first', item_id=3)}")
    await socket.close()


def build_odd_app() -> FastAPI:
    """Return an app with routes that hide each other, and with all kinds of routes."""
    app, inner, outer = FastAPI(), APIRouter(prefix="/inner"), APIRouter()
    by_header, shouting, teapot = (APIRouter(route_class=kind) for kind in (ByHeader, Shouting, Teapot))
    by_header.add_api_route("/version", route("version2"))
    shouting.add_api_route("/shout", route("shout"))
    teapot.add_api_route("/teapot", route("teapot"))
    for path, name, method in [
        ("/things/{item_id:int}", "first", "GET"),
        ("/things/new", "new", "GET"),
        ("/things/{item_id}", "text", "GET"),
        ("/things/{item_id}", "text_update", "PATCH"),
        ("/things", "things", "GET"),
        ("/things", "create", "POST"),
        ("/things/new", "create_new", "POST"),
        ("/slash/", "slash", "GET"),
        ("/version", "version1", "GET"),
        ("/v{number}/{rest:path}", "numbered", "GET"),
        ("/a{b-c}/{d}", "braces", "GET"),
        ("/a.b/{d}", "dot", "GET"),
        (f"/{'long/' * 60}" + "{d}", "long", "GET"),
        (f"/{'long/' * 60}", "long_exact", "GET"),
    ]:
        outer.add_api_route(path, route(name), methods=[method])
    inner.add_api_route("", route("inner"))
    inner.add_api_route("/{key}", route("inner_key"))
    outer.add_api_websocket_route("/things/{number}", echo)
    outer.include_router(inner, prefix="/{tenant}")
    outer.routes.append(Mount("/sub", app=JSONResponse("sub"), name="sub"))
    app.include_router(by_header)
    app.include_router(outer, prefix="/api")
    app.add_api_route("/api/things/late", route("late"))
    app.include_router(shouting, prefix="/api")
    app.include_router(teapot)
    app.mount("/mounted", JSONResponse("mounted"), name="mounted")
    app.add_api_route("/mounted/hidden", route("hidden"))
    app.add_route("/starlette/{key}", lambda request: JSONResponse(request.path_params), name="starlette")
    app.routes.append(Host("other.example", JSONResponse("host"), name="host"))
    app.add_api_route("/after", route("after"))
    app.add_api_route("/{rest:path}", route("rest"), methods=["PUT"])
    return app


PATHS = [
    *("/", "", "/api", "/api/", "/after", "/docs", "/openapi.json", "/nowhere", "//", "/%0A", "/after%0A", "/after/"),
    *(
        "/api/things",
        "/api/things/",
        "/api/things/new",
        "/api/things/3",
        "/api/things/x",
        "/api/things/new/",
        "/things",
    ),
    *(
        "/api/things/3%2F4",
        "/api/things/%C3%A9",
        "/api/things/late",
        "/api/things/3/4",
        "/api/things//",
        "/api/things/-1",
    ),
    *(
        "/api/slash",
        "/api/slash/",
        "/api/v1/",
        "/api/v1",
        "/api/v12/a/b/",
        "/api/a%7Bb-c%7D/x",
        "/api/a.b/c",
        "/api/axb/c",
    ),
    *("/api/acme/inner", "/api/acme/inner/key", "/api/acme/inner/", "/api/things/inner", "/api/sub", "/api/sub/x/y"),
    *("/api/shout", "/teapot", "/teapot/", "/version", "/mounted", "/mounted/", "/mounted/hidden", "/starlette/a"),
    *(f"/api/{'long/' * 60}", f"/api/{'long/' * 60}x", f"/api/{'long/' * 5000}"),
]


@pytest.fixture(scope="module")
def apps() -> tuple[FastAPI, FastAPI]:
    """Return an app with an index, and the same without."""
    indexed, plain = build_odd_app(), build_odd_app()
    index_routes(indexed)
    return indexed, plain


async def call(app: FastAPI, path: str, method: str = "GET", root_path: str = "", **headers: str) -> list[Any]:
    """Call an app without a server; return its messages."""
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": root_path + unquote(path),
        "root_path": root_path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "testserver", **headers}.items()],
    }
    await app(scope, receive, send)
    return messages


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("root_path", ["", "/shop"])
@pytest.mark.parametrize("headers", [{}, {"version": "2"}, {"host": "other.example"}])
async def test_index_answers_as_the_router_does(
    apps: tuple[FastAPI, FastAPI], method: str, root_path: str, headers: dict[str, str]
) -> None:
    for path in PATHS:
        answers = [await call(app, path, method, root_path, **headers) for app in apps]

        assert answers[0] == answers[1], path
        assert len(answers[0]) == 2


def test_websockets_are_served(apps: tuple[FastAPI, FastAPI]) -> None:
    for app in apps:
        with TestClient(app).websocket_connect("/api/things/3") as socket:
            assert socket.receive_text() == "4 http://testserver/api/things/3"


NAMES = [
    ("first", {"item_id": 3}),
    ("first", {"item_id": -3}),
    ("first", {}),
    ("text", {"item_id": "a b"}),
    ("text", {"item_id": "a/b"}),
    ("echo", {"number": 3}),
    ("inner_key", {"tenant": "acme", "key": "x"}),
    ("sub", {"path": "x"}),
    ("mounted", {"path": "/x"}),
    ("mounted:x", {"path": "x"}),
    ("starlette", {"key": "x"}),
    ("host", {"path": "/x"}),
    ("rest", {"rest": "a/b"}),
    ("nowhere", {}),
    ("", {}),
    (":", {}),
]


@pytest.mark.parametrize(("name", "parameters"), NAMES)
def test_urls_are_those_of_the_router(apps: tuple[FastAPI, FastAPI], name: str, parameters: dict[str, Any]) -> None:
    found: list[tuple[object, ...]] = []
    for app in apps:
        try:
            url = app.url_path_for(name, **parameters)
            found.append((str(url), url.protocol, url.host))
        except (NoMatchFound, AssertionError) as error:
            found.append((type(error), str(error)))

    assert found[0] == found[1]


def test_routes_can_be_added_and_removed_later() -> None:
    app, router = FastAPI(), APIRouter()
    app.include_router(router)
    index_routes(app)
    client = TestClient(app)
    assert client.get("/late").status_code == 404

    router.add_api_route("/late", lambda: 1, name="late")
    assert (client.get("/late").json(), app.url_path_for("late")) == (1, "/late")
    app.add_api_route("/late", lambda: 2)
    app.router.routes.insert(0, app.router.routes.pop())
    assert client.get("/late").json() == 2
    del app.router.routes[0]
    assert client.get("/late").json() == 1


class RouteSpan(NonRecordingSpan):
    """Keeps the attributes of the last span."""

    attributes: ClassVar[dict[str, Any]] = {}

    def is_recording(self) -> bool:  # noqa: D102
        return True

    def set_attribute(self, key: str, value: object) -> None:  # noqa: D102
        self.attributes[key] = value


async def test_traces_name_the_route(apps: tuple[FastAPI, FastAPI], monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = MagicMock(start_span=lambda *_, **__: RouteSpan(trace.INVALID_SPAN_CONTEXT))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: MagicMock(get_tracer=lambda *_, **__: tracer))

    for app in apps:
        RouteSpan.attributes.clear()
        await call(app, "/api/things/3")
        assert RouteSpan.attributes["http.route"] == "/api/things/{item_id}"


async def count_calls(app: FastAPI, path: str) -> tuple[int, int]:
    """Return how many functions a request calls, and how many of them ask a route whether it matches."""
    names: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            names.append(frame.f_code.co_name)

    await call(app, path)
    sys.setprofile(note)
    try:
        answer = await call(app, path)
    finally:
        sys.setprofile(None)
    assert answer[0]["status"] == 200
    return len(names), names.count("matches")


@pytest.mark.parametrize("path", ["/api/last", "/api/last/3"])
async def test_number_of_resources_does_not_matter(path: str) -> None:
    counts = []
    for number in (3, 100):
        app = FastAPI()
        for name in [*(f"thing{n}" for n in range(number)), "last"]:
            router = APIRouter(prefix=f"/{name}")
            router.add_api_route("", route(f"list_{name}"))
            router.add_api_route("/{item_id}", route("first" if name == "last" else f"read_{name}"))
            app.include_router(router, prefix="/api")
        index_routes(app)
        counts.append(await count_calls(app, path))

    assert counts[0] == counts[1]
    assert counts[0][1] == 1
