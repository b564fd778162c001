"""Invalid URLs return 4xx, never 500, and no SQL."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import listed_ids, page_text, run_action, run_row_action

NONE = "00000000-0000-7000-8000-000000000000"


ROWS = ["", "junk", "1", NONE, "é", "%27", "x" * 5000]
PAGES = ["user/nonsense", "nonsense/list", "_api/nonsense/relation-lookup", "_files/a/b"]
QUERIES = {
    "page=100000000000000000000000": 200,
    "page=-1": 200,
    "page=nonsense": 200,
    "page_size=100000": 400,
    "sort=nonsense__asc": 200,
    "sort=password_hash__asc": 200,
    "q=%00": 400,
    "q=%EF%BF%BF%F0%9F%98%80": 200,
    "q=" + "x" * 5000: 422,  # as in the API
    "filter=created_at__eq%3Dnonsense": 400,
    "filter=created_at__eq%3D2026-13-41T00:00": 400,
    "filter=created_at__eq%3D0001-01-01T00:00%2B14:00": 400,
    "filter=email__eq%3D" + "x" * 5000: 200,
    "filter=password_hash__contains%3Da": 400,
    "filter=nonsense__eq%3D1": 400,
    "filter=nonsense": 400,
    "filter=" + "(" * 5000: 400,
    "cols=nonsense": 200,
}
LOOKUPS = ["pks=junk", f"pks={NONE}", f"skip={10**30}", "limit=-5", "q=%25"]


@pytest.mark.any_database
def test_row_or_page_that_does_not_exist_is_not_found(browser: TestClient) -> None:
    paths = [f"sample-note/{page}?pk={row}" for page in ("detail", "edit") for row in ROWS] + PAGES

    assert {path: browser.get(f"/admin/{path}").status_code for path in paths} == dict.fromkeys(paths, 404)


def test_invalid_list_query_never_fails_with_500(browser: TestClient) -> None:
    responses = {query: browser.get(f"/admin/user/list?{query}") for query in QUERIES}

    assert {query: response.status_code for query, response in responses.items()} == QUERIES
    for response in responses.values():
        assert not [word for word in ("SELECT", "sqlalchemy", "asyncpg", "sqlite") if word in page_text(response)]


def test_invalid_lookup_query_returns_no_items(browser: TestClient) -> None:
    responses = {query: browser.get(f"/admin/_api/role/relation-lookup?{query}") for query in LOOKUPS}

    assert {
        query: (response.status_code, response.json()["items"]) for query, response in responses.items()
    } == dict.fromkeys(LOOKUPS, (200, []))


@pytest.mark.any_database
def test_action_on_rows_that_do_not_exist_changes_nothing(browser: TestClient, ada: User) -> None:
    before = listed_ids(browser, "user")

    for row in ("junk", NONE):
        assert run_action(browser, "user", "delete", row).status_code == 200
        assert run_row_action(browser, "user", "delete", row).status_code == 200

    assert str(ada.id) in before
    assert listed_ids(browser, "user") == before


@pytest.mark.any_database
def test_unknown_action_is_rejected(browser: TestClient, ada: User) -> None:
    for name in ("nonsense", "__init__", "end"):
        assert run_action(browser, "user", name, ada.id).status_code == 400
        assert run_row_action(browser, "user", name, ada.id).status_code == 400
