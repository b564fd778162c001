"""Order and names of actions, and what an empty list offers."""

import re
from html import unescape

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import listed_ids, page_text, save
from tests.admin.factories import add_note

pytestmark = pytest.mark.any_database


def action_names(part: str) -> list[str]:
    """Return the names of the actions in a part of a page."""
    return re.findall(r'data-sa-is-row-action="true" data-sa-name="([\w-]+)"', part)


def toolbar(page: str) -> str:
    """Return the buttons above the fields of a row."""
    return page.partition('<div class="card-actions btn-list"')[2].partition('<dl class="details">')[0]


def test_row_starts_with_edit_and_ends_with_delete(browser: TestClient, ada: User) -> None:
    buttons = toolbar(browser.get(f"/admin/user/detail?pk={ada.id}").text)
    menu = browser.get(f"/admin/user/list?q={ada.email}").text

    names = action_names(buttons)
    assert (names[0], names[-1]) == ("edit", "delete")
    more = buttons.partition(">More</button>")[2].partition("</div>")[0]
    assert action_names(more) == names[1:-1]
    assert len(names) > 3
    listed = action_names(menu)
    assert (listed[:2], listed[-1]) == (["view", "edit"], "delete")


def test_single_other_action_needs_no_menu(browser: TestClient) -> None:
    session = listed_ids(browser, "session")[0]
    buttons = toolbar(browser.get(f"/admin/session/detail?pk={session}").text)

    assert action_names(buttons) == ["end"]
    assert ">More</button>" not in buttons


def test_row_without_actions_has_no_toolbar(browser: TestClient, ada: User) -> None:
    save(browser, "/admin/sample-note/create", title="Milk", body="", owner=str(ada.id))
    event = listed_ids(browser, "event")[0]

    assert toolbar(browser.get(f"/admin/event/detail?pk={event}").text) == ""


def test_dialogs_can_name_the_row(client: TestClient, browser: TestClient, ada: User) -> None:
    note = add_note(client, ada, '"Milk" & <bread>')
    title = 'data-title="&#34;Milk&#34; &amp; &lt;bread&gt;"'

    assert f'<tr data-sa-pk="{note.id}" {title}' in browser.get("/admin/sample-note/list").text
    assert f'btn-list" {title}' in browser.get(f"/admin/sample-note/detail?pk={note.id}").text


def test_list_without_matches_offers_to_clear_the_search(client: TestClient, browser: TestClient, ada: User) -> None:
    assert "No sample notes yet" in page_text(browser.get("/admin/sample-note/list"))
    add_note(client, ada, "Milk")

    for narrowed in ("q=bread", "filter=title__eq=bread"):
        page = browser.get(f"/admin/sample-note/list?{narrowed}&page_size=50").text
        link = re.search(r'href="([^"]+)">Clear search and filters', page)

        assert link
        assert "Milk" not in page
        cleared = browser.get(unescape(link[1]))
        assert "Milk" in cleared.text
        assert cleared.url.query == b"page_size=50"


def test_empty_value_is_shown_as_a_dash(browser: TestClient, ada: User) -> None:
    page = browser.get(f"/admin/user/detail?pk={ada.id}").text

    assert re.search('<dt>Display name</dt>\\s*<dd>\\s*<span class="text-muted">\N{EM DASH}</span>', page)
