"""Finds the route of a request, and the URL of a route, by an index; FastAPI would ask one route after the other.

The first match wins, as in Starlette. Redirects, 405, mounts, forms, WebSockets and late routes are left to FastAPI.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, cast

from fastapi import FastAPI, params
from fastapi.routing import APIRoute, APIRouter, APIWebSocketRoute, RouteContext, iter_route_contexts
from fastapi.telemetry import get_telemetry_data
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, Mount, NoMatchFound, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.query_params import allowed_query_params, forbid_unknown_query_params

_MATCHED_BY_PATH = {route.matches for route in (APIRoute, APIWebSocketRoute, Mount, Route, WebSocketRoute)}
_MAX_KEY = 200  # characters of a path that the index knows, so that long paths take no longer


class _Entry(NamedTuple):
    position: int
    route: RouteContext
    matches: Callable[[Scope], tuple[Match, Scope]]
    app: ASGIApp | None = None
    query_params: frozenset[str] | None = None


def index_routes(app: FastAPI) -> None:
    """Find the app's routes by an index, and reject undeclared query parameters of API routes."""
    index = app.router.middleware_stack = RouteIndex(app.router)
    app.router.url_path_for = index.url_path_for  # type: ignore[method-assign]


class RouteIndex:
    """Index of a router's routes, in front of the router; rebuilt when these change."""

    def __init__(self, router: APIRouter) -> None:
        self._router, self._routes = router, list[BaseRoute]()
        self._call_router, self._search_url = router.middleware_stack, router.url_path_for
        self._by_path: dict[str, list[_Entry]] = {"": []}
        self._by_name: dict[str, list[_Entry]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the route of a request, or else the router."""
        self._refresh()
        for entry in self._candidates(scope.get("path", "").removeprefix(scope.get("root_path", ""))):
            match, child_scope = entry.matches(scope)
            if match is Match.FULL:
                scope["route"] = entry.route.original_route
                scope.setdefault("state", {})["route_template"] = entry.route.path_format
                forbid_unknown_query_params(scope, entry.query_params)
                if entry.app is None or get_telemetry_data() is not None:  # only the router tells telemetry the route
                    break
                scope.setdefault("router", self._router)
                scope.update(child_scope)
                await entry.app(scope, receive, send)
                return
        await self._call_router(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:  # noqa: ANN401 - as in Starlette
        """Return the URL path of the first route with this name and these parameters."""
        self._refresh()
        for entry in sorted([*self._by_name.get(name.partition(":")[0], ()), *self._by_name.get("", ())]):
            with suppress(NoMatchFound):
                return cast(URLPath, entry.route.url_path_for(name, **path_params))
        return self._search_url(name, **path_params)

    def _refresh(self) -> None:
        if self._routes == self._router.routes:
            return
        own: dict[str, list[_Entry]] = {}
        self._by_name, self._by_path = {}, {"": []}
        for position, route in enumerate(iter_route_contexts(self._router.routes)):
            key, entry = _build_entry(position, route)
            own.setdefault(key, []).append(entry)
            self._by_name.setdefault((route.name or "").partition(":")[0], []).append(entry)
        for key in sorted(own, key=len):
            self._by_path[key] = sorted([*own[key], *self._candidates(key)])
        self._routes = list(self._router.routes)

    def _candidates(self, path: str) -> list[_Entry]:
        """Return the routes that may match, in their order: those of the path and of all its parents."""
        found, end = self._by_path.get(path), _MAX_KEY
        while found is None:
            end = path.rfind("/", 0, end)
            found = self._by_path.get(path[: end + 1])
        return found


def _build_entry(position: int, route: RouteContext) -> tuple[str, _Entry]:
    kind = type(route.original_route)
    if kind.matches not in _MATCHED_BY_PATH:  # such as Host: only the router knows whether it matches
        return "", _Entry(position, route, lambda _: (Match.FULL, {}))
    fixed, has_params, _ = str(route.path_format).partition("{")
    key = fixed[: fixed.rfind("/", 0, _MAX_KEY) + 1] if has_params else fixed
    plain = issubclass(kind, APIRoute) and kind.handle is APIRoute.handle
    if plain and route.body_field and isinstance(route.body_field.field_info, params.Form):
        plain = False  # because of the limits that `include_router` can set for forms
    return key, _Entry(position, route, route.matches, route.app if plain else None, allowed_query_params(route))
