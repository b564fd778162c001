"""Admin view for notes."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import form_data, listed_ids, save
from tests.features.notes.helpers import NOTES, add_note, new_note_data, rows_in
from tests.web.browser import open_browser

VIEW = "note"


@pytest.fixture
def browser(client: TestClient, admin: User) -> TestClient:
    return open_browser(client, admin)


def form(data: dict[str, Any], owner: User) -> dict[str, Any]:
    """Return the form input that is equivalent to this JSON."""
    return form_data({**data, "owner": str(owner.id)})


def test_created_note_is_returned_by_the_api(as_ada: TestClient, browser: TestClient, ada: User) -> None:
    sent = new_note_data()

    response = save(browser, f"/admin/{VIEW}/create", form(sent, ada))

    assert response.status_code == 303, response.text
    (added,) = rows_in(as_ada.get(NOTES))
    assert {name: added[name] for name in sent} == sent


@pytest.mark.any_database
def test_unchanged_form_changes_nothing(as_ada: TestClient, browser: TestClient, ada: User) -> None:
    added = add_note(as_ada)
    assert browser.get(f"/admin/{VIEW}/detail?pk={added['id']}").status_code == 200

    response = save(browser, f"/admin/{VIEW}/edit?pk={added['id']}", form(added, ada))

    assert response.status_code == 303, response.text
    (saved,) = rows_in(as_ada.get(NOTES))
    assert {**saved, "version": 1, "updated_at": added["updated_at"]} == added


@pytest.mark.any_database
def test_invalid_value_is_rejected(as_ada: TestClient, browser: TestClient, ada: User) -> None:
    added = add_note(as_ada)
    sent = {**form(new_note_data(), ada), **form_data({"title": "x" * 201})}

    for page in (f"/admin/{VIEW}/create", f"/admin/{VIEW}/edit?pk={added['id']}"):
        assert save(browser, page, sent).status_code == 422
    assert rows_in(as_ada.get(NOTES)) == [added]


@pytest.mark.parametrize("field", ["title"])
def test_taken_value_is_rejected(as_ada: TestClient, browser: TestClient, ada: User, field: str) -> None:
    first, second = add_note(as_ada), add_note(as_ada)
    sent = form(new_note_data() | {field: first[field]}, ada)

    for page in (f"/admin/{VIEW}/create", f"/admin/{VIEW}/edit?pk={second['id']}"):
        response = save(browser, page, sent)
        assert response.status_code == 422
        assert "This value is already in use." in response.text
    assert rows_in(as_ada.get(NOTES)) == [second, first]


@pytest.mark.any_database
def test_list_shows_all_and_can_be_searched(
    as_ada: TestClient, browser: TestClient, ada: User, as_bob: TestClient
) -> None:
    first = str(add_note(as_ada)["id"])
    second = str(add_note(as_bob)["id"])

    assert listed_ids(browser, VIEW) == [second, first]
    assert listed_ids(browser, VIEW, q=ada.email.upper()) == [first]
