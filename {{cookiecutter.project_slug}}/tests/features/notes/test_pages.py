"""Notes as pages."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.features.notes import models
from tests.features.notes.helpers import NOTES, add_note, new_note_data
from tests.query_counts import capture_queries, count_queries, references_to
from tests.web.browser import entered, linked, open_browser, read_page, submit

ADDRESS = "/notes"
NO_ID = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def browser(client: TestClient, ada: User) -> TestClient:
    return open_browser(client, ada)


def test_new_note_is_shown_and_is_the_one_of_the_api(as_ada: TestClient, browser: TestClient) -> None:
    sent = new_note_data()

    answer = submit(browser, f"{ADDRESS}/new", entered(sent))

    assert answer.status_code == 303, answer.text
    read_page(browser.get(answer.headers["Location"]))
    made = as_ada.get(f"/api/v1{answer.headers['Location']}").json()
    assert {name: made[name] for name in sent} == sent


@pytest.mark.any_database
def test_form_that_nobody_touched_changes_nothing(as_ada: TestClient, browser: TestClient) -> None:
    made = add_note(as_ada, body="one\r\ntwo\rthree\n")
    address = f"{ADDRESS}/{made['id']}"

    answer = submit(browser, f"{address}/edit")

    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert as_ada.get(f"/api/v1{address}").json() == made


def test_note_is_changed(as_ada: TestClient, browser: TestClient) -> None:
    address = f"{ADDRESS}/{add_note(as_ada)['id']}"
    change = {"body": "New body"}

    answer = submit(browser, f"{address}/edit", entered(change))

    assert answer.status_code == 303, answer.text
    changed = as_ada.get(f"/api/v1{address}").json()
    assert {**changed, **change} == changed


def test_who_saves_second_is_told_and_loses_nothing(as_ada: TestClient, browser: TestClient) -> None:
    address = f"{ADDRESS}/{add_note(as_ada)['id']}"
    form = read_page(browser.get(f"{address}/edit")).forms[f"{address}/edit"]
    as_ada.patch(f"/api/v1{address}", json={"body": "New body"})

    second = browser.post(f"{address}/edit", data=form)

    page = read_page(second)
    assert second.status_code == 412
    assert "this note was changed by someone else while you were editing" in page.text
    assert page.forms[f"{address}/edit"] == {
        **form,
        "version": "2",
        "csrf_token": page.forms[f"{address}/edit"]["csrf_token"],
    }
    assert browser.post(f"{address}/edit", data=page.forms[f"{address}/edit"]).status_code == 303


def test_note_is_deleted_as_it_was_seen(as_ada: TestClient, browser: TestClient) -> None:
    address = f"{ADDRESS}/{add_note(as_ada)['id']}"

    stale = submit(browser, address, {"version": "7"}, action=f"{address}/delete")
    assert (stale.status_code, browser.get(address).status_code) == (412, 200)

    answer = submit(browser, address, action=f"{address}/delete")
    assert (answer.status_code, answer.headers["Location"]) == (303, ADDRESS)
    assert browser.get(address).status_code == 404


def test_each_page_takes_as_many_statements_as_ever(browser: TestClient) -> None:
    sent = [entered(new_note_data()) for _ in range(3)]
    with capture_queries(browser) as requests:
        for fields in sent:
            made = submit(browser, f"{ADDRESS}/new", fields)
            assert browser.get(ADDRESS).status_code == 200
        address = made.headers["Location"]
        change = entered({"body": "New body"})
        assert submit(browser, f"{address}/edit", change).status_code == 303
        assert submit(browser, address, action=f"{address}/delete").status_code == 303

    assert count_queries(requests) == {
        "GET /notes": 2,
        "GET /notes/new": 1,
        "POST /notes/new": 4,
        "GET /notes/{note_id}": 2,
        "GET /notes/{note_id}/edit": 2,
        "POST /notes/{note_id}/edit": 5,
        "POST /notes/{note_id}/delete": 3 + references_to(models.Note),
    }


@pytest.mark.any_database
def test_list_leads_from_the_newest_to_the_oldest(as_ada: TestClient, browser: TestClient) -> None:
    assert "You have no notes yet." in browser.get(ADDRESS).text
    made = [add_note(as_ada)["id"] for _ in range(3)]

    first = browser.get(f"{ADDRESS}?limit=2")
    (older,) = (link for link in read_page(first).links if "cursor=" in link)
    second = browser.get(older)

    assert linked(first, ADDRESS) + linked(second, ADDRESS) == made[::-1]


@pytest.mark.any_database
def test_list_is_narrowed_with_its_form(as_ada: TestClient, browser: TestClient) -> None:
    add_note(as_ada)
    form = read_page(browser.get(ADDRESS)).forms[ADDRESS]
    narrowed: list[tuple[str, dict[str, Any]]] = [
        ("q", {"title": "New title"}),
    ]

    for name, fields in narrowed:
        wanted = add_note(as_ada, **fields)["id"]
        asked = {**form, **entered({name: next(iter(fields.values()))})}
        found = browser.get(ADDRESS, params=asked)
        assert linked(found, ADDRESS) == [wanted]
        assert read_page(found).forms[ADDRESS] == asked


@pytest.mark.any_database
def test_what_is_wrong_is_told_beside_its_field_and_the_rest_kept(as_ada: TestClient, browser: TestClient) -> None:
    made = add_note(as_ada)
    sent = {**entered(new_note_data()), **entered({"title": "x" * 201})}

    for path in (f"{ADDRESS}/new", f"{ADDRESS}/{made['id']}/edit"):
        answer = submit(browser, path, sent)
        page = read_page(answer)
        assert answer.status_code == 422
        assert "title-error" in page.fields["title"]["aria-describedby"]
        assert page.forms[path]["body"] == sent["body"]
    assert as_ada.get(NOTES).json()["items"] == [made]


@pytest.mark.parametrize("field", ["title"])
def test_taken_value_is_told_beside_its_field(as_ada: TestClient, browser: TestClient, field: str) -> None:
    first, second = add_note(as_ada), add_note(as_ada)
    sent = entered(new_note_data() | {field: first[field]})

    for path in (f"{ADDRESS}/new", f"{ADDRESS}/{second['id']}/edit"):
        answer = submit(browser, path, sent)
        assert answer.status_code == 409
        assert f"{field}-error" in read_page(answer).fields[field]["aria-describedby"]
    assert as_ada.get(NOTES).json()["items"] == [second, first]


@pytest.mark.any_database
def test_what_people_write_is_escaped(as_ada: TestClient, browser: TestClient) -> None:
    address = f"{ADDRESS}/{add_note(as_ada, title='</textarea><script>alert(1)</script>')['id']}"

    for path in (ADDRESS, address, f"{address}/edit"):
        answer = browser.get(path)
        read_page(answer)
        assert "<script" not in answer.text


def test_notes_of_someone_else_are_not_found(client: TestClient, as_ada: TestClient, bob: User) -> None:
    browser = open_browser(client, bob)
    mine = f"{ADDRESS}/{add_note(as_ada)['id']}"
    token = read_page(browser.get(f"{ADDRESS}/new")).forms[f"{ADDRESS}/new"]["csrf_token"]

    for address in (mine, f"{ADDRESS}/{NO_ID}", f"{ADDRESS}/not-an-id"):
        assert browser.get(address).status_code == 404
        assert browser.get(f"{address}/edit").status_code == 404
        for action in ("edit", "delete"):
            answer = browser.post(f"{address}/{action}", data={"csrf_token": token, "version": "1"})
            assert answer.status_code == 404
    assert linked(browser.get(ADDRESS), ADDRESS) == []
    assert as_ada.get(f"/api/v1{mine}").status_code == 200


@pytest.mark.any_database
def test_strangers_are_sent_to_sign_in(client: TestClient) -> None:
    for path in (ADDRESS, f"{ADDRESS}/new", f"{ADDRESS}/{NO_ID}", f"{ADDRESS}/{NO_ID}/edit"):
        answer = open_browser(client).get(path)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login?next=%2Fnotes")


@pytest.mark.any_database
def test_form_without_a_token_changes_nothing(browser: TestClient) -> None:
    for action in ("new", f"{NO_ID}/edit", f"{NO_ID}/delete"):
        answer = browser.post(f"{ADDRESS}/{action}", data={"version": "1"})
        assert answer.status_code == 403
        assert "The form has expired" in answer.text
