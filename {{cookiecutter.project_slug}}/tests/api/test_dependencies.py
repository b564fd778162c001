"""`ETag` and `If-Match`, tested with the caller's own account, and the dependencies of routes."""

from collections.abc import Callable
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from app.accounts.api.dependencies import AuthenticatorDep, ClientDep, CurrentScope, OptionalScope
from app.api.dependencies import DatabaseDep, SessionDep
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
    assert iscoroutinefunction(provide) or isasyncgenfunction(provide)
