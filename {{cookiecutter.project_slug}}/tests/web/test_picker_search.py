"""Search of pickers that have more rows than they show, with notes as the example."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import Field
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient
from uuid_utils.compat import uuid7

from app.accounts.models import User
from app.api.dependencies import SessionDep
from app.api.pagination import PageParams
from app.api.schemas import Schema
from app.database.base import utc_now
from app.web.choices import MAX_CHOICES, row_choices
from app.web.forms import Form, empty_form, parse_form, search_form
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database
from tests.web.browser import open_browser, read_page, submit

URL = "/pickers"
PAGE = """<!doctype html>
{% import "fields.html" as fields %}
<title>Pickers</title>
<main>
<h1>Pickers</h1>
<form method="post" action="/pickers">
{{ fields.text(form, "title", "Title", required=true) }}
{{ fields.select(form, "note_id", "Note", one, empty="None") }}
{{ fields.checkboxes(form, "note_ids", "Notes", many) }}
<button>Save</button>
</form>
</main>
"""


class Things(Schema):
    """A form with both kinds of pickers."""

    title: str
    note_id: UUID | None = None
    note_ids: Annotated[list[UUID], Field(default_factory=list)]


router = APIRouter(prefix=URL)


async def show(request: Request, session: AsyncSession, form: Form[Any]) -> Response:
    choices = [
        await row_choices(session, select(SampleNote), SampleNote.id, SampleNote.title, form.selected(name))
        for name in ("note_id", "note_ids")
    ]
    page = request.app.state.templates.from_string(PAGE)
    return HTMLResponse(page.render(form=form, one=choices[0], many=choices[1]), form.status)


@router.get("")
async def show_form(request: Request, session: SessionDep) -> Response:
    return await show(request, session, empty_form(Things))


@router.get("/list")
async def show_search_form(request: Request, session: SessionDep) -> Response:
    return await show(request, session, search_form(PageParams()))


@router.post("")
async def save_form(request: Request, session: SessionDep) -> Response:
    form = await parse_form(request, Things)
    return await show(request, session, form) if form.data is None else Response(form.data.model_dump_json())


@pytest.fixture
def browser(client: TestClient, add_routes: Callable[[APIRouter], None]) -> TestClient:
    add_routes(router)
    return open_browser(client)


@pytest.fixture
def old(client: TestClient, ada: User) -> list[str]:
    """Return the IDs of three notes, which are older than all that a picker shows."""
    titles = ["Anna", "Annabel 50%", "Berta", *(f"Note {number}" for number in range(MAX_CHOICES))]
    rows = [
        {"id": uuid7(), "owner_id": ada.id, "title": title, "version": 1, "created_at": now, "updated_at": now}
        for title in titles
        for now in [utc_now()]
    ]
    in_database(client, lambda session: session.execute(insert(SampleNote), rows))
    return [str(row["id"]) for row in rows[:3]]


@pytest.mark.parametrize("field", ["note_id", "note_ids"])
def test_search_finds_rows_that_are_not_shown(browser: TestClient, old: list[str], field: str) -> None:
    shown = read_page(browser.get(URL)).options[field]

    response = submit(browser, URL, {f"search-{field}": " ANNA ", "picker-search": field, "title": "Kept"})

    page = read_page(response)
    assert (response.status_code, set(page.options[field]) - {""}) == (200, set(old[:2]))
    assert (len(set(shown) - {""}), set(shown) & set(old)) == (MAX_CHOICES, set())
    assert (page.forms[URL]["title"], page.forms[URL][f"search-{field}"]) == ("Kept", "ANNA")
    assert "Your changes weren't saved" not in page.text


def test_found_rows_can_be_selected_and_saved(browser: TestClient, old: list[str]) -> None:
    one = read_page(submit(browser, URL, {"search-note_id": "berta", "picker-search": "note_id"})).forms[URL]
    two = {**one, "note_id": old[2], "search-note_ids": "50%", "picker-search": "note_ids"}
    both = read_page(browser.post(URL, data=two))

    saved = browser.post(URL, data={**both.forms[URL], "title": "New", "note_ids": ["", old[1]]})

    assert both.options["note_ids"] == [old[1]]
    assert both.forms[URL]["note_id"] == old[2]
    assert saved.json() == {"title": "New", "note_id": old[2], "note_ids": [old[1]]}


@pytest.mark.any_database
def test_selected_rows_are_shown_whatever_is_searched(browser: TestClient, old: list[str]) -> None:
    sent = {
        "note_id": old[0],
        "note_ids": ["", old[0], old[1]],
        "search-note_ids": "berta",
        "picker-search": "note_ids",
    }

    page = read_page(submit(browser, URL, sent))

    assert page.options["note_ids"] == old
    assert page.forms[URL]["note_ids"] == ["", old[0], old[1]]
    assert page.forms[URL]["note_id"] == old[0]


@pytest.mark.any_database
def test_enter_key_searches_if_the_text_was_changed_and_saves_otherwise(browser: TestClient, old: list[str]) -> None:
    changed = submit(browser, URL, {"search-note_id": "berta", "title": "New"})
    found = read_page(changed).forms[URL]

    unchanged = browser.post(URL, data=found)
    cleared = browser.post(URL, data={**found, "search-note_id": ""})

    assert old[2] in read_page(changed).options["note_id"]
    assert unchanged.json()["title"] == "New"
    assert old[2] not in read_page(cleared).options["note_id"]


@pytest.mark.any_database
def test_row_is_found_by_its_id(browser: TestClient, old: list[str]) -> None:
    page = read_page(submit(browser, URL, {"search-note_id": old[2], "picker-search": "note_id"}))

    assert set(page.options["note_id"]) == {"", old[2]}


@pytest.mark.parametrize("text", ["\x00", "x" * 300, "%", '"><b>'])
def test_unusual_search_text_finds_nothing(browser: TestClient, old: list[str], text: str) -> None:
    response = submit(browser, URL, {"search-note_id": text, "picker-search": "note_id"})

    assert response.status_code == 200
    assert not set(old) & set(read_page(response).options["note_id"]) - {old[1]}
    assert "<b>" not in response.text


@pytest.mark.any_database
def test_pickers_that_show_all_rows_have_no_search(browser: TestClient) -> None:
    assert set(read_page(browser.get(URL)).fields) == {"title", "note_id"}


@pytest.mark.any_database
@pytest.mark.usefixtures("old")
def test_filters_of_lists_have_no_search(browser: TestClient) -> None:
    assert "picker-search" not in browser.get(f"{URL}/list").text
