"""Pagination, tested with the list of notes."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support import add_user, sign_in

NOTES = "/api/v1/sample-notes"
KEY = "01890000-0000-7000-8000-000000000000"
NOT_CURSORS = [b"7", b"{}", b"[]", b"[7]", b"[null]", b'["7"]', b'[["7"]]', b'{"7": 7}']


def add_notes(caller: TestClient, *numbers: int) -> None:
    for number in numbers:
        assert caller.post(NOTES, json={"title": f"{number}"}).status_code == 201


def read(caller: TestClient, **query: Any) -> tuple[list[int], str | None]:
    """Return the numbers on a page and the cursor of the next page."""
    response = caller.get(NOTES, params=query)
    assert response.status_code == 200, response.text
    page = response.json()
    return [int(item["title"]) for item in page["items"]], page["next_cursor"]


def test_default_page_size_is_twenty(as_ada: TestClient) -> None:
    add_notes(as_ada, *range(21))

    numbers, cursor = read(as_ada)

    assert numbers == list(range(20, 0, -1))
    assert read(as_ada, cursor=cursor) == ([0], None)


def test_full_last_page_has_no_next_cursor(as_ada: TestClient) -> None:
    add_notes(as_ada, 1, 2)

    assert read(as_ada, limit=2) == ([2, 1], None)


def test_new_rows_do_not_shift_pages(as_ada: TestClient) -> None:
    add_notes(as_ada, 1, 2, 3, 4)
    first, cursor = read(as_ada, limit=2)

    add_notes(as_ada, 5, 6)

    assert (first, read(as_ada, limit=2, cursor=cursor)) == ([4, 3], ([2, 1], None))


def test_cursor_stays_valid_after_its_row_is_deleted(as_ada: TestClient) -> None:
    add_notes(as_ada, 1, 2, 3)
    page = as_ada.get(NOTES, params={"limit": 2}).json()

    as_ada.delete(f"{NOTES}/{page['items'][-1]['id']}")

    assert read(as_ada, cursor=page["next_cursor"]) == ([1], None)


@pytest.mark.any_database
@pytest.mark.parametrize("limit", ["0", "-1", "101", "many", "1.5"])
def test_limit_out_of_bounds_is_rejected(as_ada: TestClient, limit: str) -> None:
    assert as_ada.get(NOTES, params={"limit": limit}).status_code == 422


@pytest.mark.parametrize("limit", [1, 100])
def test_limit_at_the_bounds_is_accepted(as_ada: TestClient, limit: int) -> None:
    add_notes(as_ada, 1)

    assert read(as_ada, limit=limit) == ([1], None)


def test_page_size_and_its_maximum_are_settings(start_app: Callable[..., TestClient]) -> None:
    client = start_app(api={"page_size": 2, "max_page_size": 3})
    ada = sign_in(client, add_user(client, "ada@example.com"))
    add_notes(ada, 1, 2, 3, 4)

    rejected = ada.get(NOTES, params={"limit": 4})
    schemas = [
        parameter["schema"]
        for parameter in client.get("/openapi.json").json()["paths"][NOTES]["get"]["parameters"]
        if parameter["name"] == "limit"
    ]

    assert (read(ada)[0], read(ada, limit=3)[0]) == ([4, 3], [4, 3, 2])
    assert (rejected.status_code, rejected.json()["errors"][0]["loc"]) == (422, ["query", "limit"])
    assert [(schema["default"], schema["minimum"], schema["maximum"]) for schema in schemas] == [(2, 1, 3)]


@pytest.mark.any_database
@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="empty"),
        pytest.param("!!!", id="not-base64"),
        pytest.param("AAAA", id="short"),
        *(pytest.param(base64.urlsafe_b64encode(text).decode(), id=text.decode()) for text in NOT_CURSORS),
        pytest.param("ä" * 22, id="not-ascii"),
        pytest.param("A" * 4001, id="very-long"),
        pytest.param("1' OR '1'='1", id="sql"),
        pytest.param("\x00" * 22, id="nul"),
    ],
)
def test_invalid_cursor_is_rejected(as_ada: TestClient, cursor: str) -> None:
    response = as_ada.get(NOTES, params={"cursor": cursor})

    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["query", "cursor"]


def titles(caller: TestClient, **query: Any) -> list[str]:
    """Return all titles, reading the list page by page."""
    found: list[str] = []
    cursor: str | None = None
    while not found or cursor:
        page = caller.get(NOTES, params={"limit": 2, **query, **({"cursor": cursor} if cursor else {})}).json()
        found += [item["title"] for item in page["items"]]
        cursor = page["next_cursor"]
    return found


def test_cursor_continues_a_sorted_list(as_ada: TestClient) -> None:
    add_notes(as_ada, 3, 1, 5, 2, 4)

    assert titles(as_ada, sort="title") == ["1", "2", "3", "4", "5"]
    assert titles(as_ada, sort="-title") == ["5", "4", "3", "2", "1"]


def test_search_applies_to_every_page(as_ada: TestClient) -> None:
    add_notes(as_ada, *range(10, 26))

    assert titles(as_ada, q="2") == ["25", "24", "23", "22", "21", "20", "12"]
    assert titles(as_ada, q="2", sort="title")[:2] == ["12", "20"]


def test_empty_parameters_are_ignored(as_ada: TestClient) -> None:
    add_notes(as_ada, 1)

    assert as_ada.get(f"{NOTES}?q=&title=&sort=&limit=").json()["items"] != []


@pytest.mark.any_database
@pytest.mark.parametrize("query", [{"q": "a\x00"}, {"q": "x" * 201}, {"sort": "body"}, {"sort": "owner_id"}])
def test_unknown_parameter_is_rejected(as_ada: TestClient, query: dict[str, str]) -> None:
    assert as_ada.get(NOTES, params=query).status_code == 422


def forged(*parts: Any) -> str:
    """Return a cursor that encodes a key and these parts."""
    return base64.urlsafe_b64encode(json.dumps([KEY, *parts]).encode()).decode()


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        pytest.param("title", forged(), id="of-the-other-order"),
        pytest.param("title", forged("-title", "a"), id="of-the-other-direction"),
        pytest.param("title", forged("title"), id="no-value"),
        pytest.param("title", forged("title", 7), id="value-of-another-type"),
        pytest.param("title", forged("title", "\x00"), id="nul"),
        pytest.param("title", forged("title", "\ud800"), id="half-a-pair"),
        pytest.param("title", forged("title", "a", 1), id="too-much"),
        pytest.param("title", base64.urlsafe_b64encode(b"[" * 2500).decode(), id="deep"),
        pytest.param(None, forged("title", "a"), id="sorted-one-in-a-list-that-is-not"),
    ],
)
def test_cursor_of_another_list_is_rejected(as_ada: TestClient, sort: str | None, cursor: str) -> None:
    response = as_ada.get(NOTES, params={"cursor": cursor, **({"sort": sort} if sort else {})})

    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["query", "cursor"]
