"""Forms that create and edit records: odd input and concurrency, with notes as the example."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from app.web.choices import Choice, row_choices
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database
from tests.web.browser import open_browser, read_page, submit

SCRIPT = '</textarea>"><script>alert(1)</script>'


ODD = {
    "line-ends": {"title": "Two\nlines\r\n", "body": "\n one\r\ntwo\rthree\n\n "},
    "blanks": {"title": "  two  blanks ", "body": " \t"},
    "empty": {"title": "", "body": ""},
    "markup": {"title": "\"'<&>&amp;", "body": "</textarea><b>&amp;&#13;"},
    "invisible": {"title": "a\u2028b\u200bc\x0b", "body": "\ufeff\u2028\x85\x0c"},
}


@pytest.fixture
def browser(client: TestClient, ada: User) -> TestClient:
    return open_browser(client, ada)


def write_note(browser: TestClient, title: str = "Milk", body: str = "Two bottles") -> str:
    """Create a note with the form, and return its path."""
    response = submit(browser, "/sample-notes/new", title=title, body=body)
    assert response.status_code == 303, response.text
    return str(response.headers["Location"])


@pytest.mark.any_database
def test_text_is_stored_as_entered(browser: TestClient) -> None:
    address = write_note(browser, "  Milk ", "\r\nTwo\r\nbottles ")

    form = read_page(browser.get(f"{address}/edit")).forms[f"{address}/edit"]

    assert (form["title"], form["body"]) == ("Milk", "\nTwo\nbottles ")


def add_note(client: TestClient, owner: User, **values: str) -> SampleNote:
    """Insert a row with values that no form would send."""

    async def add(session: AsyncSession) -> SampleNote:
        session.add(note := SampleNote(owner_id=owner.id, **values))
        return note

    return in_database(client, add)


def stored(client: TestClient, note: SampleNote) -> dict[str, Any]:
    """Return all columns of a row."""
    query = select(SampleNote.__table__).where(SampleNote.id == note.id)

    async def read(session: AsyncSession) -> dict[str, Any]:
        return dict((await session.execute(query)).mappings().one())

    return in_database(client, read)


@pytest.mark.parametrize("values", [pytest.param(values, id=name) for name, values in ODD.items()])
def test_untouched_form_changes_nothing(client: TestClient, ada: User, values: dict[str, str]) -> None:
    note = add_note(client, ada, **values)
    before = stored(client, note)

    response = submit(open_browser(client, ada), f"/sample-notes/{note.id}/edit")

    assert response.status_code == 303, response.text
    assert stored(client, note) == before
    assert {**before, **values} == before


@pytest.mark.any_database
@pytest.mark.parametrize("name", ["title", "body"])
def test_form_changes_only_the_field_that_was_changed(client: TestClient, ada: User, name: str) -> None:
    note = add_note(client, ada, **ODD["line-ends"])
    before = stored(client, note)

    response = submit(open_browser(client, ada), f"/sample-notes/{note.id}/edit", {name: "New"})

    assert response.status_code == 303, response.text
    after = stored(client, note)
    assert after == {**before, name: "New", "version": 2, "updated_at": after["updated_at"]}


@pytest.mark.any_database
def test_joined_lines_are_saved(client: TestClient, ada: User) -> None:
    note = add_note(client, ada, title="Milk", body="one\ntwo\n")

    submit(open_browser(client, ada), f"/sample-notes/{note.id}/edit", body="onetwo")

    assert stored(client, note)["body"] == "onetwo"


@pytest.mark.parametrize("title", ["", " ", "Milk"])
def test_choice_is_labelled_by_title_or_model_and_id(client: TestClient, ada: User, title: str) -> None:
    note = add_note(client, ada, title=title, body="")
    named = f"Sample note {note.id}"

    for label, expected in ((SampleNote.title, title.strip() or named), (SampleNote.id, named)):
        offered = in_database(client, partial(row_choices, query=select(SampleNote), key=SampleNote.id, label=label))
        assert offered == [Choice(str(note.id), expected)]


@pytest.mark.any_database
def test_first_invalid_field_has_autofocus_and_the_summary_links_to_it(browser: TestClient) -> None:
    response = submit(browser, "/sample-notes/new", title="   ", body="\nTwo bottles")

    page = read_page(response)
    assert response.status_code == 422
    assert "This field is required." in page.text
    assert "autofocus" in page.fields["title"]
    assert "#title" in page.links
    assert "Fix this error: Title: This field is required." in " ".join(page.text.split())
    assert page.forms["/sample-notes/new"]["body"] == "\nTwo bottles"


@pytest.mark.any_database
def test_conflict_shows_the_current_version_and_the_input(browser: TestClient) -> None:
    address = write_note(browser)
    form = read_page(browser.get(f"{address}/edit")).forms[f"{address}/edit"]
    submit(browser, f"{address}/edit", body="Saved first")

    second = browser.post(f"{address}/edit", data={**form, "body": "Saved second"})

    page = read_page(second)
    assert second.status_code == 412
    assert "Saved first" in page.text
    assert page.forms[f"{address}/edit"]["body"] == "Saved second"
    assert "Saved first" in browser.get(address).text


@pytest.mark.any_database
@pytest.mark.parametrize("version", ["", "x", "*", "99999999999999999999", []])
def test_form_with_an_invalid_version_is_rejected(browser: TestClient, version: str) -> None:
    address = write_note(browser)

    response = submit(browser, f"{address}/edit", body="Changed", version=version)
    deleted = submit(browser, address, action=f"{address}/delete", version=version)

    assert response.status_code == 412
    assert deleted.status_code in {412, 422}
    assert "Two bottles" in browser.get(address).text


@pytest.mark.any_database
def test_user_input_is_escaped_everywhere(browser: TestClient) -> None:
    address = write_note(browser, SCRIPT, SCRIPT)

    for path in ("/sample-notes", address, f"{address}/edit", "/sample-notes?q=%22%3E%3Cscript%3E"):
        response = browser.get(path)
        read_page(response)
        assert "<script>" not in response.text
        assert "&lt;script&gt;" in response.text
    assert read_page(browser.get(f"{address}/edit")).forms[f"{address}/edit"]["body"] == SCRIPT


@pytest.mark.any_database
def test_invalid_cursor_is_rejected(browser: TestClient) -> None:
    assert browser.get("/sample-notes?cursor=x").status_code == 422


@pytest.mark.any_database
def test_pagination_links_keep_the_filters(browser: TestClient) -> None:
    for title in ("Milk 1", "Bread", "Milk 2", "Milk 3"):
        write_note(browser, title)

    first = read_page(browser.get("/sample-notes?q=milk&sort=title&limit=2"))
    (following,) = (link for link in first.links if "cursor=" in link)
    second = read_page(browser.get(following))

    assert "Milk 1" in first.text
    assert "Milk 3" in second.text
    assert "Bread" not in second.text
    assert "/sample-notes?q=milk&sort=title" in second.links


def test_concurrent_saves_have_one_winner(browser: TestClient) -> None:
    address = write_note(browser)
    form = read_page(browser.get(f"{address}/edit")).forms[f"{address}/edit"]

    def save(number: int) -> int:
        return browser.post(f"{address}/edit", data={**form, "body": f"Saved by {number}"}).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(save, range(8)))

    assert sorted(statuses) == [303, *[412] * 7]
    assert f"Saved by {statuses.index(303)}" in browser.get(address).text
