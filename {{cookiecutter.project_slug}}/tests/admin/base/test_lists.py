"""Date range links, help texts, links to referenced rows and bulk deletion."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.admin.views.roles import RoleView
from app.database.base import utc_now
from tests.admin.browser import listed_ids, page_text, run_action, save
from tests.admin.factories import add_author, add_book, add_note

LINK = re.compile(r'<a class="btn btn-sm( active)?" href="([^"]+)"[^>]*>([^<]+)</a>')


def add_note_at(client: TestClient, owner: User, title: str, created_at: datetime) -> str:
    """Insert a note with this creation time, and return its ID."""
    return str(add_note(client, owner, title, created_at=created_at).id)


def links(browser: TestClient, page: str) -> dict[str, tuple[str, bool]]:
    """Return the date range links above a list, with whether each is active."""
    _, _, nav = browser.get(page).text.partition('aria-label="Time"')
    found = LINK.findall(nav.partition("</nav>")[0])
    return {label: (unescape(url), bool(active)) for active, url, label in found}


def shown(browser: TestClient, url: str) -> list[str]:
    """Return the IDs on the page of a link."""
    return re.findall(r'<tr data-sa-pk="([^"]+)"', browser.get(url).text)


def test_date_range_links_filter_the_list(client: TestClient, browser: TestClient, ada: User) -> None:
    now = utc_now()
    new = add_note_at(client, ada, "new", now)
    week = add_note_at(client, ada, "week", now - timedelta(days=6))
    old = add_note_at(client, ada, "old", now - timedelta(days=800))

    first = links(browser, "/admin/sample-note/list")

    assert [*first] == ["Any time", "Today", "Past 7 days", "This month", "This year"]
    assert [label for label, (_, chosen) in first.items() if chosen] == ["Any time"]
    assert shown(browser, first["Today"][0]) == [new]
    assert shown(browser, first["Past 7 days"][0]) == [week, new]
    assert old not in shown(browser, first["This year"][0])
    assert new in shown(browser, first["This month"][0])
    assert shown(browser, first["Any time"][0]) == [old, week, new]


@pytest.mark.any_database
def test_time_is_shown_to_the_minute_with_seconds_in_its_title(
    client: TestClient, browser: TestClient, ada: User
) -> None:
    at = datetime(2026, 1, 31, 8, 30, 15, tzinfo=UTC)
    note = add_note(client, ada, created_at=at)
    tag = '<time datetime="2026-01-31T08:30:15+00:00" title="2026-01-31 08:30:15 UTC">2026-01-31 08:30 UTC</time>'

    for page in ("list", f"detail?pk={note.id}"):
        assert tag in browser.get(f"/admin/sample-note/{page}").text


@pytest.mark.any_database
def test_date_range_keeps_other_filters(client: TestClient, browser: TestClient, ada: User) -> None:
    now = utc_now()
    for title, days in (("Milk", 0), ("Bread", 0), ("More bread", 3)):
        add_note_at(client, ada, title, now - timedelta(days=days))

    narrowed = links(browser, "/admin/sample-note/list?filter=title__contains=read&q=bread")
    today = links(browser, narrowed["Today"][0])
    week = links(browser, today["Past 7 days"][0])

    assert len(shown(browser, narrowed["Today"][0])) == 1
    assert [label for label, (_, chosen) in today.items() if chosen] == ["Today"]
    assert "q=bread" in today["Past 7 days"][0]
    assert len(shown(browser, today["Past 7 days"][0])) == 2
    assert len(shown(browser, week["Any time"][0])) == 2
    assert "between" not in week["Any time"][0]


@pytest.mark.any_database
def test_date_range_is_combined_with_an_or_filter(client: TestClient, browser: TestClient, ada: User) -> None:
    now = utc_now()
    new = add_note_at(client, ada, "Milk", now)
    add_note_at(client, ada, "Bread", now - timedelta(days=800))

    either = links(browser, "/admin/sample-note/list?filter=title__eq=Milk OR title__eq=Bread")

    assert shown(browser, either["Today"][0]) == [new]
    assert shown(browser, links(browser, either["Today"][0])["Today"][0]) == [new]


@pytest.mark.any_database
def test_events_have_date_ranges_by_time(browser: TestClient) -> None:
    assert "filter=at__between" in links(browser, "/admin/event/list")["Today"][0]


@pytest.mark.any_database
def test_list_without_the_date_field_has_no_date_ranges(library: TestClient) -> None:
    assert links(library, "/admin/subject/list") == {}
    assert links(library, "/admin/book/list") != {}


@pytest.mark.any_database
def test_form_shows_help_texts_of_schema_and_model(library: TestClient) -> None:
    form = page_text(library.get("/admin/book/create"))

    assert "Ten or thirteen digits." in form  # the schema
    assert "Without the index." in form  # the column
    assert "What it is about, in one sentence." in form  # the docstring


@pytest.mark.any_database
def test_form_links_to_referenced_rows(library: TestClient) -> None:
    author = add_author(library, "Ada")
    book = add_book(library, "Notes", author_id=author.id)

    new = library.get("/admin/book/create").text
    old = library.get(f"/admin/book/edit?pk={book.id}").text

    for form in (new, old):
        assert re.search(r'href="/admin/author/create" target="_blank" rel="noopener"', form)
    assert f"/admin/author/edit?pk={author.id}" in old
    assert "/admin/author/edit" not in new


@pytest.mark.any_database
def test_link_to_create_requires_permission(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "/admin/role/create" in browser.get("/admin/user/create").text
    monkeypatch.setattr(RoleView, "can_create", never)

    assert "/admin/role/create" not in browser.get("/admin/user/create").text


@pytest.mark.any_database
def test_submitted_reference_is_escaped_in_links(browser: TestClient) -> None:
    response = save(browser, "/admin/sample-note/create", title="Milk", body="", owner='"><script>alert(1)</script>')

    assert response.status_code == 422
    assert "<script>alert" not in response.text


def test_several_rows_can_be_deleted(library: TestClient) -> None:
    author = add_author(library, "Ada")
    rows: list[Any] = [add_book(library, title, author_id=author.id) for title in ("a", "b", "c")]

    assert run_action(library, "book", "delete", rows[0].id, rows[1].id).status_code == 200

    assert listed_ids(library, "book") == [str(rows[2].id)]


def test_row_can_have_its_own_text_of_an_action(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions: Any = ModelView.get_row_actions_for_obj

    async def name_row(view: Any, request: Any, row: Any) -> list[dict[str, Any]]:
        return [{**action, "text": f"{action['text']} {row.title}"} for action in await actions(view, request, row)]

    monkeypatch.setattr(ModelView, "get_row_actions_for_obj", name_row)
    for title in ("Milk", "<Bread>"):
        add_note(client, ada, title)

    text = browser.get("/admin/sample-note/list").text

    for label in ("View Milk", "View &lt;Bread&gt;", "Delete Milk", "Delete &lt;Bread&gt;"):
        assert f"{label}</a>" in text
