"""Allowed methods of a path, for the `Allow` header of a 405 response (RFC 9110 §10.2.1)."""

from fastapi import Request
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path


def allowed_methods(request: Request) -> str:
    """Return the methods of all routes with this path; mounted apps are ignored."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    routes = [route for route in iter_route_contexts(request.app.routes) if route.methods and route.path]
    found = {m for route in routes if compile_path(str(route.path))[0].match(path) for m in route.methods or ()}
    return ", ".join(sorted({*found, "HEAD"} if "GET" in found else found))
