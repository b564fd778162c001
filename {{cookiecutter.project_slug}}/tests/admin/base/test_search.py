"""Search and text filters follow `app/database/search.py`."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.admin.browser import listed_ids

NOTES = "/api/v1/sample-notes"


@pytest.fixture
def titles(as_ada: TestClient) -> dict[str, str]:
    """Create notes and return their titles by ID."""
    notes = [as_ada.post(NOTES, json={"title": title}).json() for title in ("MÜLLER & Söhne", "Привет", "50 % off")]
    return {note["id"]: note["title"] for note in notes}


def found(browser: TestClient, titles: dict[str, str], **query: Any) -> list[str]:
    return [titles[key] for key in listed_ids(browser, "sample-note", **query)]


@pytest.mark.parametrize(
    ("q", "title"),
    [("  müller  ", "MÜLLER & Söhne"), ("MU\u0308LLER", "MÜLLER & Söhne"), ("ПРИВЕТ", "Привет"), ("%", "50 % off")],
)
def test_search_finds_text(browser: TestClient, titles: dict[str, str], q: str, title: str) -> None:
    assert found(browser, titles, q=q) == [title]


def test_blank_search_finds_everything(browser: TestClient, titles: dict[str, str]) -> None:
    assert found(browser, titles, q="   ") == [*titles.values()][::-1]


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("contains", "söHNE", ["MÜLLER & Söhne"]),
        ("contains", "%", ["50 % off"]),
        ("not_contains", "müller", ["50 % off", "Привет"]),
        ("startswith", "при", ["Привет"]),
        ("endswith", "SÖHNE", ["MÜLLER & Söhne"]),
    ],
)
def test_text_filter_finds_text(
    browser: TestClient, titles: dict[str, str], name: str, value: str, wanted: list[str]
) -> None:
    assert found(browser, titles, filter=f'title__{name}="{value}"') == wanted


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("sample-note/list", {"q": "é" * 201}),
        ("sample-note/list", {"filter": f"title__contains={'x' * 201}"}),
        ("sample-note/list", {"filter": f"owner__contains={'x' * 201}"}),
        ("user/list", {"q": "x" * 3000}),
        ("_api/sample-note/relation-lookup", {"q": "x" * 3000}),
    ],
)
def test_long_search_text_is_rejected(browser: TestClient, page: str, query: dict[str, str]) -> None:
    response = browser.get(f"/admin/{page}", params=query)

    assert response.status_code == 422
    assert "Search text can have at most 200 characters." in response.text
