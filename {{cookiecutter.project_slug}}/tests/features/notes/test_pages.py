"""Web pages for notes."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.features.notes import models
from tests.features.notes.helpers import (
    INVALID_ID,
    NOTES,
    UNKNOWN_ID,
    add_note,
    new_note_data,
    note_body,
    note_url,
    row_in,
    rows_in,
)
from tests.query_counts import capture_queries, count_queries, references_to, sections_on
from tests.streams import open_stream
from tests.web.browser import form_values, linked_ids, open_browser, read_page, submit

URL = "/notes"


@pytest.fixture
def browser(client: TestClient, ada: User) -> TestClient:
    return open_browser(client, ada)


def test_created_note_is_shown_and_returned_by_the_api(as_ada: TestClient, browser: TestClient) -> None:
    sent = new_note_data()

    response = submit(browser, f"{URL}/new", form_values(sent))

    assert response.status_code == 303, response.text
    assert "Note created." in read_page(browser.get(response.headers["Location"])).text
    added = row_in(as_ada.get(note_url({"id": response.headers["Location"].removeprefix(f"{URL}/")})))
    assert {name: added[name] for name in sent} == sent


@pytest.mark.any_database
def test_unchanged_form_changes_nothing(as_ada: TestClient, browser: TestClient) -> None:
    added = add_note(as_ada, body="one\r\ntwo\rthree\n")
    url = f"{URL}/{added['id']}"

    response = submit(browser, f"{url}/edit")

    assert (response.status_code, response.headers["Location"]) == (303, url)
    assert "Note saved." in read_page(browser.get(url)).text
    assert row_in(as_ada.get(note_url(added))) == added


def test_note_is_updated(as_ada: TestClient, browser: TestClient) -> None:
    added = add_note(as_ada)
    url = f"{URL}/{added['id']}"
    change = {"body": "New body"}

    response = submit(browser, f"{url}/edit", form_values(change))

    assert response.status_code == 303, response.text
    changed = row_in(as_ada.get(note_url(added)))
    assert {**changed, **change} == changed


def test_conflicting_update_is_reported_and_input_is_kept(as_ada: TestClient, browser: TestClient) -> None:
    added = add_note(as_ada)
    url = f"{URL}/{added['id']}"
    form = read_page(browser.get(f"{url}/edit")).forms[f"{url}/edit"]
    as_ada.patch(note_url(added), json=note_body({"body": "New body"}))

    second = browser.post(f"{url}/edit", data=form)

    page = read_page(second)
    assert second.status_code == 412
    assert "this note was changed by someone else while you were editing" in page.text
    assert page.forms[f"{url}/edit"] == {
        **form,
        "version": "2",
        "csrf_token": page.forms[f"{url}/edit"]["csrf_token"],
    }
    assert browser.post(f"{url}/edit", data=page.forms[f"{url}/edit"]).status_code == 303


def test_note_is_deleted_only_in_the_version_shown(as_ada: TestClient, browser: TestClient) -> None:
    url = f"{URL}/{add_note(as_ada)['id']}"

    stale = submit(browser, url, {"version": "7"}, action=f"{url}/delete")
    assert (stale.status_code, browser.get(url).status_code) == (412, 200)

    response = submit(browser, url, action=f"{url}/delete")
    assert (response.status_code, response.headers["Location"]) == (303, URL)
    assert "Note deleted." in read_page(browser.get(URL)).text
    assert browser.get(url).status_code == 404


def test_number_of_queries_per_page(browser: TestClient) -> None:
    sent = [form_values(new_note_data()) for _ in range(3)]
    with capture_queries(browser) as requests:
        for fields in sent:
            response = submit(browser, f"{URL}/new", fields)
            assert browser.get(URL).status_code == 200
        url = response.headers["Location"]
        change = form_values({"body": "New body"})
        assert submit(browser, f"{url}/edit", change).status_code == 303
        assert submit(browser, url, action=f"{url}/delete").status_code == 303

    assert count_queries(requests) == {
        "GET /notes": 2,
        "GET /notes/new": 1,
        "POST /notes/new": 2,
        "GET /notes/{note_id}": 2 + sections_on(browser, "notes/show.html"),
        "GET /notes/{note_id}/edit": 2,
        "POST /notes/{note_id}/edit": 3,
        "POST /notes/{note_id}/delete": 3 + references_to(models.Note),
    }


@pytest.mark.any_database
def test_list_is_paginated_newest_first(as_ada: TestClient, browser: TestClient) -> None:
    assert "You have no notes yet." in browser.get(URL).text
    added = [str(add_note(as_ada)["id"]) for _ in range(3)]

    first = browser.get(f"{URL}?limit=2")
    (older,) = (link for link in read_page(first).links if "cursor=" in link)
    second = browser.get(older)

    assert linked_ids(first, URL) + linked_ids(second, URL) == added[::-1]


@pytest.mark.any_database
def test_list_is_filtered_with_its_form(as_ada: TestClient, browser: TestClient) -> None:
    add_note(as_ada)
    form = read_page(browser.get(URL)).forms[URL]
    filters: list[tuple[str, dict[str, Any]]] = [
        ("q", {"title": "New title"}),
    ]

    for name, fields in filters:
        expected = str(add_note(as_ada, **fields)["id"])
        query = {**form, **form_values({name: next(iter(fields.values()))})}
        found = browser.get(URL, params=query)
        assert linked_ids(found, URL) == [expected]
        assert read_page(found).forms[URL] == query


@pytest.mark.any_database
def test_error_is_shown_next_to_its_field_and_other_input_is_kept(as_ada: TestClient, browser: TestClient) -> None:
    added = add_note(as_ada)
    sent = {**form_values(new_note_data()), **form_values({"title": "x" * 201})}

    for path in (f"{URL}/new", f"{URL}/{added['id']}/edit"):
        response = submit(browser, path, sent)
        page = read_page(response)
        assert response.status_code == 422
        assert "title-error" in page.fields["title"]["aria-describedby"]
        assert page.forms[path]["body"] == sent["body"]
    assert rows_in(as_ada.get(NOTES)) == [added]


@pytest.mark.parametrize("field", ["title"])
def test_taken_value_is_reported_next_to_its_field(as_ada: TestClient, browser: TestClient, field: str) -> None:
    first, second = add_note(as_ada), add_note(as_ada)
    sent = form_values(new_note_data() | {field: first[field]})

    for path in (f"{URL}/new", f"{URL}/{second['id']}/edit"):
        response = submit(browser, path, sent)
        assert response.status_code == 409
        assert f"{field}-error" in read_page(response).fields[field]["aria-describedby"]
    assert rows_in(as_ada.get(NOTES)) == [second, first]


@pytest.mark.any_database
def test_user_input_is_escaped(as_ada: TestClient, browser: TestClient) -> None:
    url = f"{URL}/{add_note(as_ada, title='</textarea><script>alert(1)</script>')['id']}"

    for path in (URL, url, f"{url}/edit"):
        response = browser.get(path)
        read_page(response)
        assert "<script>" not in response.text


def test_notes_of_another_user_are_not_found(client: TestClient, as_ada: TestClient, bob: User) -> None:
    browser = open_browser(client, bob)
    added = add_note(as_ada)
    mine = f"{URL}/{added['id']}"
    token = read_page(browser.get(f"{URL}/new")).forms[f"{URL}/new"]["csrf_token"]

    for url in (mine, f"{URL}/{UNKNOWN_ID}", f"{URL}/{INVALID_ID}"):
        assert browser.get(url).status_code == 404
        assert browser.get(f"{url}/edit").status_code == 404
        for action in ("edit", "delete"):
            response = browser.post(f"{url}/{action}", data={"csrf_token": token, "version": "1"})
            assert response.status_code == 404
    assert linked_ids(browser.get(URL), URL) == []
    assert as_ada.get(note_url(added)).status_code == 200


@pytest.mark.any_database
def test_anonymous_user_is_redirected_to_sign_in(client: TestClient) -> None:
    for path in (URL, f"{URL}/new", f"{URL}/{UNKNOWN_ID}", f"{URL}/{UNKNOWN_ID}/edit"):
        response = open_browser(client).get(path)
        assert response.status_code == 303
        assert response.headers["Location"].startswith("/login?next=%2Fnotes")


@pytest.mark.any_database
def test_form_without_a_csrf_token_is_rejected(browser: TestClient) -> None:
    for action in ("new", f"{UNKNOWN_ID}/edit", f"{UNKNOWN_ID}/delete"):
        response = browser.post(f"{URL}/{action}", data={"version": "1"})
        assert response.status_code == 403
        assert "The form has expired" in response.text


@pytest.mark.any_database
def test_list_page_shows_its_stream(as_ada: TestClient, browser: TestClient) -> None:
    assert f'data-live="{URL}/live"' in browser.get(URL).text

    with capture_queries(browser) as requests, open_stream(browser, f"{URL}/live") as stream:
        added = add_note(as_ada)
        assert stream.next_change_of(added) == "created"
    assert count_queries(requests) == {"GET /notes/live": 1}
