"""Notes in the admin: everyone's."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import form_data, listed_ids, save
from tests.features.notes.helpers import NOTES, add_note, new_note_data
from tests.web.browser import open_browser

VIEW = "note"


@pytest.fixture
def browser(client: TestClient, admin: User) -> TestClient:
    return open_browser(client, admin)


def form(data: dict[str, Any], owner: User) -> dict[str, Any]:
    """Return what is entered in the form to say the same as this JSON."""
    return form_data({**data, "owner": str(owner.id)})


def test_new_note_is_the_one_of_the_api(as_ada: TestClient, browser: TestClient, ada: User) -> None:
    sent = new_note_data()
    answer = save(browser, f"/admin/{VIEW}/create", form(sent, ada))

    assert answer.status_code == 303, answer.text
    (made,) = as_ada.get(NOTES).json()["items"]
    assert {name: made[name] for name in sent} == sent


@pytest.mark.any_database
def test_what_is_saved_unchanged_stays_as_it_is(as_ada: TestClient, browser: TestClient, ada: User) -> None:
    made = add_note(as_ada)
    assert browser.get(f"/admin/{VIEW}/detail?pk={made['id']}").status_code == 200

    answer = save(browser, f"/admin/{VIEW}/edit?pk={made['id']}", form(made, ada))

    assert answer.status_code == 303, answer.text
    (kept,) = as_ada.get(NOTES).json()["items"]
    assert {**kept, "version": 1, "updated_at": made["updated_at"]} == made


@pytest.mark.any_database
def test_what_the_api_refuses_is_refused_here(as_ada: TestClient, browser: TestClient, ada: User) -> None:
    made = add_note(as_ada)
    sent = {**form(new_note_data(), ada), **form_data({"title": "x" * 201})}

    for page in (f"/admin/{VIEW}/create", f"/admin/{VIEW}/edit?pk={made['id']}"):
        assert save(browser, page, sent).status_code == 422
    assert as_ada.get(NOTES).json()["items"] == [made]


@pytest.mark.parametrize("field", ["title"])
def test_taken_value_is_refused(as_ada: TestClient, browser: TestClient, ada: User, field: str) -> None:
    first, second = add_note(as_ada), add_note(as_ada)
    sent = form(new_note_data() | {field: first[field]}, ada)

    for page in (f"/admin/{VIEW}/create", f"/admin/{VIEW}/edit?pk={second['id']}"):
        answer = save(browser, page, sent)
        assert answer.status_code == 422
        assert "This value is already in use." in answer.text
    assert as_ada.get(NOTES).json()["items"] == [second, first]


@pytest.mark.any_database
def test_list_shows_all_and_is_searched(as_ada: TestClient, browser: TestClient, ada: User, as_bob: TestClient) -> None:
    first = add_note(as_ada)["id"]
    second = add_note(as_bob)["id"]

    assert listed_ids(browser, VIEW) == [second, first]
    assert listed_ids(browser, VIEW, q=ada.email.upper()) == [first]
