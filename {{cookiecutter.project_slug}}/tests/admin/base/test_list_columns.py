"""Which columns lists show."""

import re

import pytest
from starlette.testclient import TestClient

from tests.admin.browser import export
from tests.admin.factories import add_book

pytestmark = pytest.mark.any_database


def columns(browser: TestClient, page: str) -> list[str]:
    """Return the names of the columns of a list."""
    return re.findall(r'<th scope="col" data-column="(\w+)"', browser.get(page).text)


def offered(browser: TestClient, page: str) -> list[str]:
    """Return the names under "Columns"."""
    return re.findall(
        r'class="form-check-input me-2 column-visibility-toggle"[^>]*value="(\w+)"', browser.get(page).text
    )


def test_list_shows_six_columns_and_offers_the_others(library: TestClient) -> None:
    book = add_book(library, "Notes")

    shown = columns(library, "/admin/book/list")

    assert shown == ["isbn", "genre", "pages", "bought_at", "author", "created_at"]
    assert {"title", "size", "in_print", "price", "reader"} < {*offered(library, "/admin/book/list")} - {*shown}
    assert columns(library, f"/admin/book/list?q={book.title}") == shown


def test_other_columns_can_be_selected(library: TestClient) -> None:
    every = offered(library, "/admin/book/list")

    assert columns(library, "/admin/book/list?cols=title,size") == ["title", "size"]
    assert columns(library, f"/admin/book/list?cols={','.join(every)}") == every


def test_search_keeps_the_selected_columns(library: TestClient) -> None:
    every = offered(library, "/admin/book/list")
    hidden = '<input type="hidden" name="cols" value="{}" />'

    for cols in ("title,size", ",".join(every)):
        form = re.sub(r"\s+", " ", library.get(f"/admin/book/list?cols={cols}").text)
        assert hidden.format(cols) in form
    assert 'name="cols"' not in library.get("/admin/book/list").text


def test_view_can_name_its_columns(browser: TestClient) -> None:
    assert columns(browser, "/admin/session/list") == [
        "user",
        "kind",
        "impersonated",
        "last_seen_at",
        "ip_last",
        "revoked_at",
    ]


def test_exports_have_all_fields(library: TestClient) -> None:
    add_book(library, "Notes")

    header = export(library, "book", "csv").text.splitlines()[0]

    assert {"Title", "Size", "Price", "ISBN", "Summary"} <= {*header.split(",")}
