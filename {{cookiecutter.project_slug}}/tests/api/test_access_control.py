"""Who may call what: every route of the app, for nobody, a user, another user and an admin.

A new route is private unless it is listed here. What a route does for whom is tested beside it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

pytestmark = pytest.mark.any_database

# Answered to anybody. Think twice before you add a line.
PUBLIC = {
    "GET /.well-known/jwks.json",
    "GET /docs",
    "GET /docs/redoc.js",
    "GET /docs/start.js",
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "GET /redoc",
    "POST /api/v1/auth/email/change/cancel",
    "POST /api/v1/auth/email/change/confirm",
    "POST /api/v1/auth/email/change/revert",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/password/forgot",
    "POST /api/v1/auth/password/reset",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/token/refresh",
    "POST /api/v1/auth/verify-email",
    "POST /api/v1/auth/verify-email/resend",
}
# A feature lists its own in `tests/features/<name>/public.txt`.
for listing in Path(__file__).parents[1].glob("features/*/public.txt"):
    PUBLIC |= set(listing.read_text().splitlines())

# Answered to those who have a permission. A feature lists its own in `tests/features/<name>/restricted.txt`.
RESTRICTED: set[str] = set()
for listing in Path(__file__).parents[1].glob("features/*/restricted.txt"):
    RESTRICTED |= set(listing.read_text().splitlines())

# Called by their own tests: after them the caller is nobody.
ENDS_THE_SESSION = {
    "DELETE /api/v1/users/me",
    "POST /api/v1/auth/logout",
    "POST /api/v1/auth/logout-all",
}

# Folders and apps within the app, which are not routes: files that anybody may read, and what guards itself.
PUBLIC_MOUNTS = {"/docs/assets", "/static"}
GUARDED_MOUNTS = {"/admin"}

# Pages for people, outside of /api: those who are not signed in may see these, and are led to /login by all others.
PUBLIC_PAGES = {
    "GET /",
    "GET /account/deleted",
    "GET /dev/mail",  # these three are there in development only
    "GET /dev/mail/{mail_id}",
    "GET /dev/mail/{mail_id}/html",
    "GET /email/cancel/{token}",
    "GET /email/confirm/{token}",
    "GET /email/revert/{token}",
    "GET /login",
    "GET /password/forgot",
    "GET /password/reset/{token}",
    "GET /password/sent",
    "GET /signup",
    "GET /signup/sent",
    "GET /verify/{token}",
    "POST /email/cancel",
    "POST /email/confirm",
    "POST /email/revert",
    "POST /login",
    "POST /logout",
    "POST /password/forgot",
    "POST /password/reset",
    "POST /signup",
    "POST /verify",
    "POST /verify/resend",
}


def routes_of(app: FastAPI) -> Iterator[str]:
    """List the routes as `METHOD /path`, those that OpenAPI leaves out included."""
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


def app_of(client: TestClient) -> FastAPI:
    assert isinstance(client.app, FastAPI)
    return client.app


def call(caller: TestClient, route: str) -> int:
    """Call a route with made-up ids and no body; return the status."""
    method, path = route.split()
    return caller.request(method, re.sub(r"{\w+}", str(uuid4()), path)).status_code


def is_api(route: str) -> bool:
    return route.split()[1].startswith("/api/")


def test_every_route_is_seen(client: TestClient) -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, operations in app_of(client).openapi()["paths"].items()
        for method in operations
    }

    assert documented
    assert documented < set(routes_of(app_of(client)))


def test_routes_listed_as_public_exist(client: TestClient) -> None:
    assert set(routes_of(app_of(client))) >= PUBLIC


def test_nobody_reaches_a_private_route_of_the_api(client: TestClient) -> None:
    private = [route for route in routes_of(app_of(client)) if is_api(route) and route not in PUBLIC]

    assert private
    assert {route: call(client, route) for route in private} == dict.fromkeys(private, 401)


def test_nobody_reaches_a_private_page(client: TestClient) -> None:
    pages = [route for route in routes_of(app_of(client)) if not is_api(route) and route not in PUBLIC | PUBLIC_PAGES]

    answers = {route: call(client, route) for route in pages}

    assert {route: status for route, status in answers.items() if status not in {303, 401, 403}} == {}


def test_mounts_are_known(client: TestClient) -> None:
    assert mounts_of(app_of(client)) <= PUBLIC_MOUNTS | GUARDED_MOUNTS


def test_nobody_and_users_do_not_reach_a_guarded_mount(client: TestClient, as_ada: TestClient) -> None:
    for path in mounts_of(app_of(client)) & GUARDED_MOUNTS:
        for caller in (client, as_ada):
            assert caller.get(f"{path}/").status_code in {303, 401, 403}


def test_signed_in_callers_reach_every_route_of_the_api(
    as_ada: TestClient, as_bob: TestClient, as_admin: TestClient
) -> None:
    """The ids are made up and there is no body: what counts is that the answer is neither 401, 403 nor a bug."""
    ends = ENDS_THE_SESSION
    private = [route for route in routes_of(app_of(as_ada)) if is_api(route) and route not in PUBLIC | ends]

    for caller in (as_ada, as_bob, as_admin):
        answers = {route: call(caller, route) for route in private if caller is as_admin or route not in RESTRICTED}
        assert {route: status for route, status in answers.items() if status not in {200, 204, 404, 422}} == {}


def test_routes_listed_as_restricted_need_a_permission(client: TestClient, as_ada: TestClient) -> None:
    assert set(routes_of(app_of(client))) >= RESTRICTED
    assert {route: call(as_ada, route) for route in RESTRICTED} == dict.fromkeys(RESTRICTED, 403)


def test_others_do_not_reach_what_is_ones_own(as_ada: TestClient, as_bob: TestClient, as_admin: TestClient) -> None:
    """Walk every route of the API that names a note; a feature of yours adds its own such test. Behaviour 130."""
    note = as_ada.post("/api/v1/sample-notes", json={"title": "Ada's"}).json()
    routes = [route for route in routes_of(app_of(as_ada)) if is_api(route) and "/sample-notes/{note_id}" in route]

    for route in routes:
        method, path = route.split()
        for caller in (as_bob, as_admin):
            body = {"title": "Mine now"} if method == "PATCH" else None
            assert caller.request(method, path.format(note_id=note["id"]), json=body).status_code == 404
    assert len(routes) == 3
    assert as_ada.get(f"/api/v1/sample-notes/{note['id']}").json() == note
