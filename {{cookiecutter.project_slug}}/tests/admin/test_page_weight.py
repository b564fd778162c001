"""The budget of pages: what they load, in bytes before compression."""

import re
from html import unescape

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

pytestmark = pytest.mark.any_database

LOADED = re.compile(r'<(?:script[^>]* src|link rel="stylesheet"\s+href)="([^"]+)"')
WIDGETS = ("flatpickr", "select2.min", "apexcharts", "jsoneditor", "tinymce")


def loaded(browser: TestClient, page: str) -> dict[str, Response]:
    """Return the scripts and style sheets of a page by their paths without versions."""
    shown = browser.get(page)
    assert shown.status_code == 200
    urls = {unescape(url) for url in LOADED.findall(shown.text)}
    files = {url.partition("?")[0]: browser.get(url) for url in urls}
    assert {file.status_code for file in files.values()} == {200}
    return files


@pytest.mark.parametrize(
    ("page", "styles", "scripts"),
    [
        ("", 660_000, 185_000),
        ("book/list", 680_000, 310_000),
        ("book/create", 700_000, 330_000),
        ("subject/create", 660_000, 200_000),
    ],
)
def test_page_is_within_its_budget(library: TestClient, page: str, styles: int, scripts: int) -> None:
    sizes = {url: len(file.content) for url, file in loaded(library, f"/admin/{page}").items()}

    assert sum(size for url, size in sizes.items() if url.endswith(".css")) < styles, sizes
    assert sum(size for url, size in sizes.items() if url.endswith(".js")) < scripts, sizes


@pytest.mark.parametrize(
    ("page", "widgets"),
    [
        ("", []),
        ("subject/create", []),
        ("user/create", ["select2.min"]),
        ("author/create", ["flatpickr"]),
        ("book/create", ["flatpickr", "select2.min"]),
    ],
)
def test_page_loads_only_the_widgets_that_it_shows(library: TestClient, page: str, widgets: list[str]) -> None:
    files = loaded(library, f"/admin/{page}")

    assert [name for name in WIDGETS if any(name in url for url in files)] == widgets
