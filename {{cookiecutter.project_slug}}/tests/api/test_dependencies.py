"""`ETag` and `If-Match`, tested with the caller's own account, and the dependencies of routes."""

from collections.abc import Callable
from inspect import isasyncgenfunction, iscoroutinefunction, isfunction
from typing import Any, get_args
from uuid import uuid4

import pytest
from fastapi import APIRouter, Depends
from starlette.testclient import TestClient

from app.accounts.api.dependencies import (
    AuthenticatorDep,
    ClientDep,
    CurrentScope,
    OptionalScope,
    RecentScope,
    SessionScope,
    accept_schemes,
    get_optional_scope,
    get_recent_scope,
    get_scope,
    get_session_scope,
    require_permission,
)
from app.accounts.permissions import Permission
from app.accounts.scope import Scope
from app.api.dependencies import DatabaseDep, SessionDep
from app.database.base import utc_now
from tests.query_counts import capture_statements
from tests.routes import app_of
from tests.support import problem_of

pytestmark = pytest.mark.any_database

ME = "/api/v1/users/me"


def test_etag_changes_with_the_record(as_ada: TestClient) -> None:
    before = as_ada.get(ME).headers["ETag"]

    changed = as_ada.patch(ME, json={"display_name": "Ada"})

    assert changed.headers["ETag"] != before
    assert as_ada.get(ME).headers["ETag"] == changed.headers["ETag"]


@pytest.mark.parametrize("tags", ['"{}"', '"0", "{}"', "*", " * "])
def test_matching_etag_allows_update(as_ada: TestClient, tags: str) -> None:
    version = as_ada.get(ME).json()["version"]

    response = as_ada.patch(ME, json={"display_name": "Ada"}, headers={"If-Match": tags.format(version)})

    assert response.status_code == 200


@pytest.mark.parametrize("tags", ['"0"', "{}", 'W/"{}"', '"0", "00"', ""])
def test_other_etags_return_412(as_ada: TestClient, tags: str) -> None:
    """Weak ETags never match in `If-Match` (RFC 9110 §13.1.1)."""
    account = as_ada.get(ME).json()

    response = as_ada.patch(ME, json={"display_name": "X"}, headers={"If-Match": tags.format(account["version"])})

    assert problem_of(response)["type"] == "urn:problem:VersionConflict"
    assert response.status_code == 412
    assert as_ada.get(ME).json() == account


def test_without_etag_the_last_update_wins(as_ada: TestClient) -> None:
    for name in ("first", "second"):
        assert as_ada.patch(ME, json={"display_name": name}).status_code == 200

    assert as_ada.get(ME).json()["display_name"] == "second"


@pytest.mark.parametrize("tags", ['"{}"', 'W/"{}"', '"0", W/"{}"', '"a,b","{}"', "*", " * "])
def test_unchanged_row_returns_304(as_ada: TestClient, tags: str) -> None:
    fresh = as_ada.get(ME)
    headers = {"If-None-Match": tags.format(fresh.json()["version"])}

    responses = [as_ada.request(method, ME, headers=headers) for method in ("GET", "HEAD")]

    for response in responses:
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == fresh.headers["ETag"]
        assert response.headers["Cache-Control"] == fresh.headers["Cache-Control"]
        assert response.headers.keys().isdisjoint({"content-type", "content-length"})


@pytest.mark.parametrize("tags", ['"0"', "{}", "", 'W/"{}0"', "'{}'"])
def test_changed_row_returns_200(as_ada: TestClient, tags: str) -> None:
    account = as_ada.get(ME).json()

    response = as_ada.get(ME, headers={"If-None-Match": tags.format(account["version"])})

    assert (response.status_code, response.json()) == (200, account)


def test_updates_ignore_if_none_match(as_ada: TestClient) -> None:
    changed = as_ada.patch(ME, json={"display_name": "Ada"}, headers={"If-None-Match": "*"})

    assert (changed.status_code, changed.json()["display_name"]) == (200, "Ada")


ASKED_BY_MOST = [DatabaseDep, SessionDep, AuthenticatorDep, ClientDep, OptionalScope, CurrentScope]


@pytest.mark.parametrize("provide", [get_args(asked)[1].dependency for asked in ASKED_BY_MOST])
def test_common_dependencies_need_no_thread(provide: Callable[..., Any]) -> None:
    """FastAPI calls plain functions in a thread, which takes as long as a query."""
    called: Any = provide if isfunction(provide) else type(provide).__call__
    assert iscoroutinefunction(called) or isasyncgenfunction(called)


may_edit = require_permission(Permission.USERS_IMPERSONATE)


@pytest.fixture
def callers(add_routes: Callable[[APIRouter], None]) -> str:
    """Add a route that asks for its caller in every way."""
    router = APIRouter()

    @router.get("/callers", dependencies=[Depends(may_edit)])
    async def read_callers(
        optional: OptionalScope, current: CurrentScope, session: SessionScope, recent: RecentScope
    ) -> list[str]:
        return [scope.email for scope in (optional, current, session, recent) if scope]

    add_routes(router)
    return "/callers"


def test_caller_is_authenticated_once_per_request(as_admin: TestClient, callers: str) -> None:
    with capture_statements(as_admin) as statements:
        emails = [as_admin.get(callers).json() for _ in range(2)]

    assert emails == [["admin@example.com"] * 4] * 2
    assert len([sql for sql, _ in statements if not sql.startswith("BEGIN")]) == 2


def test_permission_is_required(as_ada: TestClient, client: TestClient, callers: str) -> None:
    assert (client.get(callers).status_code, as_ada.get(callers).status_code) == (401, 403)


@pytest.mark.parametrize("header", ["Basic YWRhOng=", "Bearer", "Bearer ", "Bearer\t", "", "Token x"])
def test_other_credentials_are_ignored(client: TestClient, header: str) -> None:
    response = client.get(ME, headers={"Authorization": header})

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("header", "optional", "required"),
    [
        ("Token {}", "ada@example.com", "ada@example.com"),
        ("token  {}", "ada@example.com", "ada@example.com"),
        ("Bearer {}", None, 401),
        ("Token", None, 401),
        ("Token x{}", 401, 401),
    ],
)
def test_router_can_accept_another_scheme(
    as_ada: TestClient, add_routes: Callable[[APIRouter], None], header: str, optional: object, required: object
) -> None:
    router = APIRouter(prefix="/callers", dependencies=[accept_schemes("token")])

    @router.get("/optional")
    async def read_optional(scope: OptionalScope) -> str | None:
        return scope.email if scope else None

    @router.get("/required")
    async def read_required(scope: CurrentScope) -> str:
        return scope.email

    add_routes(router)
    sent = {"Authorization": header.format(as_ada.headers["Authorization"].removeprefix("Bearer "))}

    answers = [as_ada.get(f"/callers/{name}", headers=sent) for name in ("optional", "required")]

    assert [one.json() if one.is_success else one.status_code for one in answers] == [optional, required]


def test_caller_can_be_overridden(client: TestClient, callers: str) -> None:
    scope = Scope(uuid4(), uuid4(), "eve@example.com", frozenset(), frozenset(), utc_now())
    ways = (may_edit, get_optional_scope, get_scope, get_session_scope, get_recent_scope)
    app_of(client).dependency_overrides.update(dict.fromkeys(ways, lambda: scope))
    try:
        assert client.get(callers).json() == ["eve@example.com"] * 4
    finally:
        app_of(client).dependency_overrides.clear()
