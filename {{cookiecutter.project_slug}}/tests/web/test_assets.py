"""Static files that are made with the theme."""

import pytest
from starlette.testclient import TestClient

from app import theme
from tests.query_counts import capture_queries, count_queries

pytestmark = pytest.mark.any_database


def test_stylesheet_contains_the_theme(client: TestClient) -> None:
    with capture_queries(client) as requests:
        site, alone = client.get("/static/site.css"), client.get("/static/theme.css")

    assert count_queries(requests) == {"GET /static/site.css": 0, "GET /static/theme.css": 0}
    assert alone.text == theme.STYLESHEET.read_text(encoding="utf-8")
    assert site.text.startswith(alone.text)
    assert "main {" in site.text


def test_icon_has_the_colors_of_the_theme(client: TestClient) -> None:
    with capture_queries(client) as requests:
        icon = client.get("/static/icon.svg")

    assert count_queries(requests) == {"GET /static/icon.svg": 0}
    assert icon.headers["Content-Type"].startswith("image/svg+xml")
    assert f'fill="{theme.read_colors()["accent"].light}"' in icon.text
    assert "var(" not in icon.text
