"""The app's routes and mounts, for tests that walk all of them."""

import re
from collections.abc import Iterator
from uuid import uuid4

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, Route
from starlette.testclient import TestClient


def app_of(client: TestClient) -> FastAPI:
    assert isinstance(client.app, FastAPI)
    return client.app


def routes_of(app: FastAPI) -> Iterator[str]:
    """List the routes as `METHOD /path`, including those that are not in the OpenAPI document."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, Route):
            for method in sorted((context.methods or set()) - {"HEAD"}):
                yield f"{method} {context.path}"


def mounts_of(app: FastAPI) -> set[str]:
    return {
        context.original_route.path
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, Mount)
    }


def call(caller: TestClient, route: str) -> int:
    """Call a route with made-up IDs and no body; return the status."""
    method, path = route.split()
    return caller.request(method, re.sub(r"{\w+}", str(uuid4()), path)).status_code
