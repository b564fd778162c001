"""Notes over HTTP: mine work, others' are not found."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.accounts.models import User
from app.features.notes.models import Note
from tests.support import in_database

NOTES = "/api/v1/notes"


def add_note(caller: TestClient, **fields: Any) -> dict[str, Any]:
    """Write a note through the API."""
    answer = caller.post(NOTES, json={"title": "Milk", "body": "Two bottles", **fields})
    assert answer.status_code == 201, answer.text
    note: dict[str, Any] = answer.json()
    return note


def titles(answer: Any) -> list[str]:
    """Return the titles on a page."""
    return [item["title"] for item in answer.json()["items"]]


def test_created_note_can_be_read_at_its_location(as_ada: TestClient) -> None:
    created = as_ada.post(NOTES, json={"title": "  Milk ", "body": "Two bottles"})

    assert created.status_code == 201
    note = created.json()
    assert (note["title"], note["body"], note["version"]) == ("Milk", "Two bottles", 1)
    assert created.headers["Location"] == f"{NOTES}/{note['id']}"
    read = as_ada.get(created.headers["Location"])
    assert (read.status_code, read.json()) == (200, note)
    assert read.headers["ETag"] == created.headers["ETag"] == '"1"'


def test_body_of_a_note_may_be_left_out(as_ada: TestClient) -> None:
    assert as_ada.post(NOTES, json={"title": "Milk"}).json()["body"] == ""


@pytest.mark.any_database
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no-title"),
        pytest.param({"title": None}, id="null-title"),
        pytest.param({"title": "   "}, id="blank-title"),
        pytest.param({"title": "x" * 201}, id="long-title"),
        pytest.param({"title": 7}, id="title-of-another-type"),
        pytest.param({"title": "a\x00b"}, id="nul"),
        pytest.param({"title": "Milk", "body": "x" * 50_001}, id="long-body"),
        pytest.param({"title": "Milk", "owner_id": str(uuid4())}, id="owner-of-ones-choice"),
        pytest.param({"title": "Milk", "id": str(uuid4())}, id="id-of-ones-choice"),
        pytest.param({"title": "Milk", "version": 9}, id="version-of-ones-choice"),
        pytest.param(["Milk"], id="not-an-object"),
    ],
)
def test_create_note_rejects(as_ada: TestClient, body: Any) -> None:
    answer = as_ada.post(NOTES, json=body)

    assert answer.status_code == 422
    assert as_ada.get(NOTES).json()["items"] == []


def test_text_that_no_database_can_store_is_rejected(as_ada: TestClient) -> None:
    lone_surrogate = b'{"title": "\\ud800"}'

    answer = as_ada.post(NOTES, content=lone_surrogate, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422


def test_title_is_unique_among_ones_own(as_ada: TestClient, as_bob: TestClient) -> None:
    add_note(as_ada, title="Milk")

    again = as_ada.post(NOTES, json={"title": "Milk"})

    assert again.status_code == 409
    assert again.json()["type"] == "urn:problem:NoteTitleTaken"
    assert as_bob.post(NOTES, json={"title": "Milk"}).status_code == 201


def test_refused_note_leaves_nothing(as_ada: TestClient) -> None:
    add_note(as_ada, title="Milk")

    as_ada.post(NOTES, json={"title": "Milk"})

    assert titles(as_ada.get(NOTES)) == ["Milk"]


def test_list_is_newest_first_and_only_ones_own(as_ada: TestClient, as_bob: TestClient) -> None:
    for title in ("first", "second", "third"):
        add_note(as_ada, title=title)
    add_note(as_bob, title="bob's")

    listed = as_ada.get(NOTES)

    assert titles(listed) == ["third", "second", "first"]
    assert listed.json()["next_cursor"] is None


def test_pages_lead_through_the_whole_list(as_ada: TestClient) -> None:
    for number in range(5):
        add_note(as_ada, title=f"note {number}")

    first = as_ada.get(NOTES, params={"limit": 2})
    second = as_ada.get(NOTES, params={"limit": 2, "cursor": first.json()["next_cursor"]})
    third = as_ada.get(NOTES, params={"limit": 2, "cursor": second.json()["next_cursor"]})

    assert [titles(page) for page in (first, second, third)] == [["note 4", "note 3"], ["note 2", "note 1"], ["note 0"]]
    assert third.json()["next_cursor"] is None


def test_cursor_of_someone_else_shows_only_ones_own(as_ada: TestClient, as_bob: TestClient) -> None:
    for title in ("first", "second"):
        add_note(as_ada, title=title)
    add_note(as_bob, title="bob's")

    cursor = as_ada.get(NOTES, params={"limit": 1}).json()["next_cursor"]

    assert titles(as_bob.get(NOTES, params={"cursor": cursor})) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, ("Milk", "Two bottles"), id="nothing"),
        pytest.param({"title": "Bread"}, ("Bread", "Two bottles"), id="title"),
        pytest.param({"body": ""}, ("Milk", ""), id="body"),
        pytest.param({"title": "Milk"}, ("Milk", "Two bottles"), id="the-same-title"),
    ],
)
def test_update_changes_what_is_sent(as_ada: TestClient, change: Mapping[str, str], expected: tuple[str, str]) -> None:
    note = add_note(as_ada)

    changed = as_ada.patch(f"{NOTES}/{note['id']}", json=change)

    assert changed.status_code == 200
    assert (changed.json()["title"], changed.json()["body"]) == expected
    assert as_ada.get(f"{NOTES}/{note['id']}").json() == changed.json()


@pytest.mark.any_database
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"title": None}, id="null"),
        pytest.param({"title": ""}, id="empty-title"),
        pytest.param({"owner_id": str(uuid4())}, id="owner"),
        pytest.param({"created_at": "2020-01-01T00:00:00Z"}, id="time"),
    ],
)
def test_update_rejects(as_ada: TestClient, change: Mapping[str, Any]) -> None:
    note = add_note(as_ada)

    assert as_ada.patch(f"{NOTES}/{note['id']}", json=change).status_code == 422
    assert as_ada.get(f"{NOTES}/{note['id']}").json() == note


def test_update_refuses_a_title_that_another_note_has(as_ada: TestClient) -> None:
    add_note(as_ada, title="Milk")
    bread = add_note(as_ada, title="Bread")

    answer = as_ada.patch(f"{NOTES}/{bread['id']}", json={"title": "Milk"})

    assert answer.status_code == 409
    assert as_ada.get(f"{NOTES}/{bread['id']}").json() == bread


def test_each_change_has_a_new_version(as_ada: TestClient) -> None:
    note = add_note(as_ada)

    changed = as_ada.patch(f"{NOTES}/{note['id']}", json={"title": "Bread"})

    assert changed.json()["version"] == 2
    assert changed.headers["ETag"] == '"2"'
    assert changed.json()["updated_at"] > note["updated_at"]
    assert changed.json()["created_at"] == note["created_at"]


def test_change_of_an_old_version_is_refused(as_ada: TestClient) -> None:
    note = add_note(as_ada)
    path = f"{NOTES}/{note['id']}"
    as_ada.patch(path, json={"title": "Bread"})

    for method in ("PATCH", "DELETE"):
        body = {"title": "Eggs"} if method == "PATCH" else None
        answer = as_ada.request(method, path, json=body, headers={"If-Match": '"1"'})
        assert answer.status_code == 412
        assert answer.json()["type"] == "urn:problem:VersionConflict"
    assert as_ada.get(path).json()["title"] == "Bread"


@pytest.mark.parametrize("if_match", ['"1"', "*", '"7", "1"'])
def test_change_of_the_version_that_was_read_is_made(as_ada: TestClient, if_match: str) -> None:
    path = f"{NOTES}/{add_note(as_ada)['id']}"

    assert as_ada.patch(path, json={"title": "Bread"}, headers={"If-Match": if_match}).status_code == 200


def test_deleted_note_is_gone(as_ada: TestClient) -> None:
    note = add_note(as_ada)

    deleted = as_ada.delete(f"{NOTES}/{note['id']}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert as_ada.get(f"{NOTES}/{note['id']}").status_code == 404
    assert as_ada.delete(f"{NOTES}/{note['id']}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_note_of_someone_else_is_not_found(as_ada: TestClient, as_bob: TestClient, method: str) -> None:
    theirs = add_note(as_bob)
    body = {"title": "Mine now"} if method == "PATCH" else None

    answers = [as_ada.request(method, f"{NOTES}/{note_id}", json=body) for note_id in (theirs["id"], uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert [answer.json()["type"] for answer in answers] == ["urn:problem:NoteNotFound"] * 2
    assert as_bob.get(f"{NOTES}/{theirs['id']}").json() == theirs


@pytest.mark.any_database
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_id_that_is_none_is_rejected(as_ada: TestClient, method: str) -> None:
    assert as_ada.request(method, f"{NOTES}/1").status_code == 422


def test_admin_does_not_see_notes_of_others_here(as_ada: TestClient, as_admin: TestClient) -> None:
    note = add_note(as_ada)

    assert as_admin.get(f"{NOTES}/{note['id']}").status_code == 404


def test_nobody_may_do_nothing(client: TestClient, as_ada: TestClient) -> None:
    path = f"{NOTES}/{add_note(as_ada)['id']}"

    for method, target in (("GET", NOTES), ("POST", NOTES), ("GET", path), ("PATCH", path), ("DELETE", path)):
        assert client.request(method, target).status_code == 401


def test_notes_go_with_their_owner(client: TestClient, as_ada: TestClient, as_bob: TestClient, ada: User) -> None:
    add_note(as_ada)
    add_note(as_bob)

    in_database(client, lambda session: session.delete(ada))

    assert in_database(client, lambda session: session.scalar(select(func.count(Note.id)))) == 1
