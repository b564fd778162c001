"""The app's routes and mounts, for tests that walk all of them."""

import re
from collections.abc import Iterator
from uuid import uuid4

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse


def app_of(client: TestClient) -> FastAPI:
    assert isinstance(client.app, FastAPI)
    return client.app


def routes_of(app: FastAPI) -> Iterator[str]:
    """List the routes as `METHOD /path` or `WEBSOCKET /path`, including those that are not in the OpenAPI document."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, Route):
            for method in sorted((context.methods or set()) - {"HEAD"}):
                yield f"{method} {context.path}"
        elif isinstance(context.original_route, WebSocketRoute):
            yield f"WEBSOCKET {context.path}"


def mounts_of(app: FastAPI) -> set[str]:
    return {
        context.original_route.path
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, Mount)
    }


def call(caller: TestClient, route: str) -> int:
    """Call a route with made-up IDs and no body; return the status, without waiting for the end of a stream."""
    method, path = route.split()
    path = re.sub(r"{\w+}", str(uuid4()), path)
    if method == "WEBSOCKET":
        return _open_websocket(caller, path)
    with caller.stream(method, path) as response:
        return response.status_code


def _open_websocket(caller: TestClient, path: str) -> int:
    """Return the status of the handshake: 101 if the WebSocket was accepted."""
    try:
        with caller.websocket_connect(path):
            return 101
    except WebSocketDenialResponse as rejected:
        return rejected.status_code
