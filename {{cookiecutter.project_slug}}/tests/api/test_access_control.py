"""Access control: calls every route of the app as an anonymous caller, a user, another user and an admin.

A new route must require authentication unless it is listed here. Its other access rules have tests of their own.
"""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.routes import app_of, call, mounts_of, routes_of

pytestmark = pytest.mark.any_database

# No authentication required. Think twice before you add a line.
PUBLIC = {
    "GET /.well-known/jwks.json",
    "GET /docs",
    "GET /docs/redoc.js",
    "GET /docs/start.js",
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "GET /redoc",
    "POST /api/v1/auth/cookie/login",
    "POST /api/v1/auth/cookie/logout",
    "POST /api/v1/auth/cookie/refresh",
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
# A feature lists its own in `tests/features/<name>/public_routes.txt`.
for listing in Path(__file__).parents[1].glob("features/*/public_routes.txt"):
    PUBLIC |= set(listing.read_text().splitlines())

# Require a permission. A feature lists its own in `tests/features/<name>/restricted_routes.txt`.
RESTRICTED: set[str] = set()
for listing in Path(__file__).parents[1].glob("features/*/restricted_routes.txt"):
    RESTRICTED |= set(listing.read_text().splitlines())

# They end the session, so their own tests call them.
ENDS_SESSION = {
    "DELETE /api/v1/users/me",
    "POST /api/v1/auth/logout",
    "POST /api/v1/auth/logout-all",
}

# Mounts are not routes: public files, and apps that check access themselves.
PUBLIC_MOUNTS = {"/docs/assets", "/static"}
GUARDED_MOUNTS = {"/admin"}

# Web pages that need no sign-in; all others redirect to /login.
PUBLIC_PAGES = {
    "GET /",
    "GET /account/deleted",
    "GET /dev/mail",  # these three exist in development only
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
    "GET /static/icon.svg",
    "GET /static/site.css",
    "GET /static/theme.css",
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


def is_api(route: str) -> bool:
    return route.split()[1].startswith("/api/")


def test_all_documented_routes_are_found(client: TestClient) -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, operations in app_of(client).openapi()["paths"].items()
        for method in operations
    }

    assert documented
    assert documented < set(routes_of(app_of(client)))


def test_routes_listed_as_public_exist(client: TestClient) -> None:
    assert set(routes_of(app_of(client))) >= PUBLIC


def test_private_api_routes_require_authentication(client: TestClient) -> None:
    private = [route for route in routes_of(app_of(client)) if is_api(route) and route not in PUBLIC]

    assert private
    assert {route: call(client, route) for route in private} == dict.fromkeys(private, 401)


def test_private_pages_require_authentication(client: TestClient) -> None:
    pages = [route for route in routes_of(app_of(client)) if not is_api(route) and route not in PUBLIC | PUBLIC_PAGES]

    responses = {route: call(client, route) for route in pages}

    assert {route: status for route, status in responses.items() if status not in {303, 401, 403}} == {}


def test_all_mounts_are_listed(client: TestClient) -> None:
    assert mounts_of(app_of(client)) <= PUBLIC_MOUNTS | GUARDED_MOUNTS


def test_guarded_mounts_deny_anonymous_callers_and_users(client: TestClient, as_ada: TestClient) -> None:
    for path in mounts_of(app_of(client)) & GUARDED_MOUNTS:
        for caller in (client, as_ada):
            assert caller.get(f"{path}/").status_code in {303, 401, 403}


def test_signed_in_callers_can_call_every_api_route(
    as_ada: TestClient, as_bob: TestClient, as_admin: TestClient
) -> None:
    """The IDs are made up and there is no body: any status except 401, 403 and 500 will do; a WebSocket has 101."""
    ends = ENDS_SESSION
    private = [route for route in routes_of(app_of(as_ada)) if is_api(route) and route not in PUBLIC | ends]

    for caller in (as_ada, as_bob, as_admin):
        responses = {route: call(caller, route) for route in private if caller is as_admin or route not in RESTRICTED}
        expected = {101, 200, 204, 400, 404, 409, 422}
        assert {route: status for route, status in responses.items() if status not in expected} == {}


def test_restricted_routes_require_a_permission(client: TestClient, as_ada: TestClient) -> None:
    assert set(routes_of(app_of(client))) >= RESTRICTED
    assert {route: call(as_ada, route) for route in RESTRICTED} == dict.fromkeys(RESTRICTED, 403)


def test_notes_of_other_users_are_not_found(as_ada: TestClient, as_bob: TestClient, as_admin: TestClient) -> None:
    """Call every API route of a note; your features need such a test, too. Behaviour 130."""
    note = as_ada.post("/api/v1/sample-notes", json={"title": "Ada's"}).json()
    routes = [route for route in routes_of(app_of(as_ada)) if is_api(route) and "/sample-notes/{note_id}" in route]

    for route in routes:
        method, path = route.split()
        for caller in (as_bob, as_admin):
            body = {"title": "Mine now"} if method == "PATCH" else None
            assert caller.request(method, path.format(note_id=note["id"]), json=body).status_code == 404
    assert len(routes) == 3
    assert as_ada.get(f"/api/v1/sample-notes/{note['id']}").json() == note
