"""`ETag` and `If-Match`, over one's own account as the record at hand, and what routes ask for."""

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
def test_matching_tag_lets_a_change_through(as_ada: TestClient, tags: str) -> None:
    version = as_ada.get(ME).json()["version"]

    answer = as_ada.patch(ME, json={"display_name": "Ada"}, headers={"If-Match": tags.format(version)})

    assert answer.status_code == 200


@pytest.mark.parametrize("tags", ['"0"', "{}", 'W/"{}"', '"0", "00"', ""])
def test_other_tags_refuse_it(as_ada: TestClient, tags: str) -> None:
    """A weak tag never matches here: RFC 9110 §13.1.1."""
    account = as_ada.get(ME).json()

    answer = as_ada.patch(ME, json={"display_name": "X"}, headers={"If-Match": tags.format(account["version"])})

    assert problem_of(answer)["type"] == "urn:problem:VersionConflict"
    assert answer.status_code == 412
    assert as_ada.get(ME).json() == account


def test_without_a_tag_the_last_change_wins(as_ada: TestClient) -> None:
    for name in ("first", "second"):
        assert as_ada.patch(ME, json={"display_name": name}).status_code == 200

    assert as_ada.get(ME).json()["display_name"] == "second"


@pytest.mark.parametrize("tags", ['"{}"', 'W/"{}"', '"0", W/"{}"', '"a,b","{}"', "*", " * "])
def test_row_that_the_client_has_is_not_sent_again(as_ada: TestClient, tags: str) -> None:
    fresh = as_ada.get(ME)
    headers = {"If-None-Match": tags.format(fresh.json()["version"])}

    answers = [as_ada.request(method, ME, headers=headers) for method in ("GET", "HEAD")]

    for answer in answers:
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == fresh.headers["ETag"]
        assert answer.headers["Cache-Control"] == fresh.headers["Cache-Control"]
        assert answer.headers.keys().isdisjoint({"content-type", "content-length"})


@pytest.mark.parametrize("tags", ['"0"', "{}", "", 'W/"{}0"', "'{}'"])
def test_row_that_the_client_has_not_is_sent(as_ada: TestClient, tags: str) -> None:
    account = as_ada.get(ME).json()

    answer = as_ada.get(ME, headers={"If-None-Match": tags.format(account["version"])})

    assert (answer.status_code, answer.json()) == (200, account)


def test_changes_ignore_what_the_client_has(as_ada: TestClient) -> None:
    changed = as_ada.patch(ME, json={"display_name": "Ada"}, headers={"If-None-Match": "*"})

    assert (changed.status_code, changed.json()["display_name"]) == (200, "Ada")


ASKED_BY_MOST = [DatabaseDep, SessionDep, AuthenticatorDep, ClientDep, OptionalScope, CurrentScope]


@pytest.mark.parametrize("provide", [get_args(asked)[1].dependency for asked in ASKED_BY_MOST])
def test_what_most_routes_ask_for_needs_no_thread(provide: Callable[..., Any]) -> None:
    """FastAPI calls what is no coroutine in a thread, which costs each request as much as a query."""
    assert iscoroutinefunction(provide) or isasyncgenfunction(provide)
