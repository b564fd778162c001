"""Saving forms: cleaned, rejected and ignored input, and optimistic locking."""

import re

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import csrf_token, listed_ids, page_text, run_action, run_row_action, save
from tests.admin.factories import add_note
from tests.sample.sample_notes.models import SampleNote
from tests.support import add_user, in_database


def notes(client: TestClient) -> list[SampleNote]:
    """Return all notes."""

    async def read(session: AsyncSession) -> list[SampleNote]:
        return list(await session.scalars(select(SampleNote).order_by(SampleNote.id)))

    return in_database(client, read)


@pytest.mark.any_database
def test_note_is_created_for_the_selected_owner(client: TestClient, browser: TestClient, ada: User) -> None:
    response = save(browser, "/admin/sample-note/create", title="  Milk ", body="Two\r\nbottles", owner=str(ada.id))

    assert response.status_code == 303
    assert [(note.title, note.body, note.owner_id) for note in notes(client)] == [("Milk", "Two\nbottles", ada.id)]
    assert '"Milk" was added' in page_text(browser.get("/admin/sample-note/list"))


@pytest.mark.any_database
def test_note_and_its_owner_can_be_changed(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    note = add_note(client, ada)

    response = save(browser, f"/admin/sample-note/edit?pk={note.id}", title="Bread", body="", owner=str(bob.id))

    assert response.status_code == 303
    assert [(n.title, n.body, n.owner_id, n.version) for n in notes(client)] == [("Bread", "", bob.id, 2)]


def test_one_or_several_notes_can_be_deleted(client: TestClient, browser: TestClient, ada: User) -> None:
    first, second, third, _ = (add_note(client, ada, title) for title in ("a", "b", "c", "d"))

    assert run_row_action(browser, "sample-note", "delete", first.id).status_code == 200
    assert run_action(browser, "sample-note", "delete", second.id, third.id).status_code == 200

    assert [note.title for note in notes(client)] == ["d"]


@pytest.mark.any_database
def test_owner_is_found_by_email(browser: TestClient, ada: User, bob: User) -> None:
    found = browser.get("/admin/_api/user/relation-lookup", params={"q": "BOB@"}).json()

    assert [item["id"] for item in found["items"]] == [str(bob.id)]
    assert found["items"][0]["_meta"]["select2"]["result"] == f"<span>{bob.email}</span>"
    assert ada.id != bob.id


def test_list_can_be_searched_by_text_and_owner_and_filtered_by_time(
    client: TestClient, browser: TestClient, ada: User, bob: User
) -> None:
    milk, bread = add_note(client, ada, "100% milk"), add_note(client, bob, "Bread")

    assert listed_ids(browser, "sample-note") == [str(bread.id), str(milk.id)]
    assert listed_ids(browser, "sample-note", q="100%") == [str(milk.id)]
    assert listed_ids(browser, "sample-note", q="%") == [str(milk.id)]
    assert listed_ids(browser, "sample-note", q="bob@") == [str(bread.id)]
    assert listed_ids(browser, "sample-note", filter="title__eq=Bread") == [str(bread.id)]
    assert listed_ids(browser, "sample-note", filter="created_at__between=2020-01-01T00:00..2020-01-02T00:00") == []
    assert len(listed_ids(browser, "sample-note", filter="created_at__between=2020-01-01T00:00..2999-01-01T00:00")) == 2
    assert listed_ids(browser, "sample-note", sort="created_at__asc") == [str(milk.id), str(bread.id)]


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"title": ""}, "This field is required.", id="no-title"),
        pytest.param({"title": "   "}, "This field is required.", id="blank-title"),
        pytest.param({"title": "x" * 201}, "Use at most 200 characters.", id="long-title"),
        pytest.param({"body": "x" * 50_001}, "Use at most 50000 characters.", id="long-body"),
        pytest.param({"title": "a\x00b"}, "This contains an unsupported character.", id="nul"),
        pytest.param({"title": "Milk"}, "This value is already in use.", id="taken"),
        pytest.param({"owner": ""}, "This field is required.", id="no-owner"),
        pytest.param({"owner": "junk"}, "Select an option from the list.", id="malformed-owner"),
        pytest.param(
            {"owner": "00000000-0000-7000-8000-000000000000"}, "Select an option from the list.", id="no-such-owner"
        ),
    ],
)
@pytest.mark.parametrize("page", ["/admin/sample-note/create", "/admin/sample-note/edit?pk={}"])
def test_invalid_input_shows_an_error_and_is_kept(
    client: TestClient, browser: TestClient, page: str, change: dict[str, str], message: str
) -> None:
    ada = add_user(client, "ada@example.com")
    add_note(client, ada, "Milk")
    note = add_note(client, ada, "Bread")
    before = [(n.title, n.body, n.version) for n in notes(client)]
    entered = {"title": "Eggs", "body": "A dozen", "owner": str(ada.id), **change}

    response = save(browser, page.format(note.id), **entered)

    assert response.status_code == 422
    assert message in page_text(response)
    assert entered["title" if "body" in change else "body"] in response.text
    assert [(n.title, n.body, n.version) for n in notes(client)] == before


@pytest.mark.any_database
def test_outdated_form_is_rejected_and_input_is_kept(client: TestClient, browser: TestClient, ada: User) -> None:
    note = add_note(client, ada)
    mine = {"title": "Mine", "body": "", "owner": str(ada.id)}

    first = save(browser, f"/admin/sample-note/edit?pk={note.id}", **{**mine, "title": "Theirs"})
    stale = save(browser, f"/admin/sample-note/edit?pk={note.id}", _version="1", **mine)

    assert (first.status_code, stale.status_code) == (303, 422)
    assert "Someone else has changed this record." in page_text(stale)
    assert 'value="Mine"' in stale.text
    assert 'name="_version" value="2"' in stale.text
    assert notes(client)[0].title == "Theirs"


@pytest.mark.any_database
@pytest.mark.parametrize("version", [{}, {"_version": ""}, {"_version": "None"}, {"_version": "2"}], ids=str)
def test_form_without_the_current_version_is_rejected(
    client: TestClient, browser: TestClient, ada: User, version: dict[str, str]
) -> None:
    note = add_note(client, ada)
    data = {"csrftoken": csrf_token(browser), "title": "Mine", "body": "", "owner": str(ada.id), **version}

    response = browser.post(f"/admin/sample-note/edit?pk={note.id}", data=data)

    assert response.status_code == 422
    assert "Someone else has changed this record." in page_text(response)
    assert [(n.title, n.version) for n in notes(client)] == [("Milk", 1)]


@pytest.mark.any_database
def test_fields_that_are_not_in_the_form_are_ignored(
    client: TestClient, browser: TestClient, ada: User, bob: User
) -> None:
    extra = {"id": str(bob.id), "version": "9", "created_at": "2001-01-01T00:00", "owner_id": str(bob.id)}

    save(browser, "/admin/sample-note/create", title="Milk", body="", owner=str(ada.id), **extra)

    note = notes(client)[0]
    assert (note.owner_id, note.version) == (ada.id, 1)
    assert note.id != bob.id
    assert note.created_at.year > 2001


@pytest.mark.any_database
def test_all_errors_are_shown_at_once_with_links(library: TestClient) -> None:
    shown = save(library, "/admin/book/create", title="", isbn="", pages="x", author="")

    summary = shown.text.partition("Fix these 6 errors:")[2].partition("</ul>")[0]
    assert shown.status_code == 422
    assert re.findall(r'<li><a href="#(\w+)">', summary) == [
        "isbn",
        "title",
        "genre",
        "summary",
        "pages",
        "author",
    ]
    assert "Fix th" not in library.get("/admin/book/create").text
