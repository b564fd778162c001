"""API routes for notes."""

from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.accounts.models import User
from app.features.notes import models
from tests.features.notes.helpers import (
    INVALID_ID,
    NOTE_PATH,
    NOTES,
    UNKNOWN_ID,
    add_note,
    error_type,
    invalid_field,
    new_note_data,
    next_cursor,
    note_body,
    note_url,
    row_in,
    rows_in,
)
from tests.query_counts import capture_queries, count_queries, references_to
from tests.support import in_database


def ids(response: Any) -> list[str]:
    """Return the ids in a page of results."""
    return [row["id"] for row in rows_in(response)]


def test_created_note_can_be_read_at_its_location(as_ada: TestClient) -> None:
    sent = new_note_data()

    created = as_ada.post(NOTES, json=note_body(sent))

    assert created.status_code == 201, created.text
    added = row_in(created)
    assert {name: added[name] for name in sent} == sent
    assert added["version"] == 1
    assert created.headers["Location"] == note_url(added)
    read = as_ada.get(created.headers["Location"])
    assert (read.status_code, row_in(read)) == (200, added)
    assert read.headers["ETag"] == created.headers["ETag"] == '"1"'


@pytest.mark.any_database
def test_omitted_field_gets_its_default(as_ada: TestClient) -> None:
    defaults: dict[str, Any] = {
        "body": "",
    }
    sent = {name: value for name, value in new_note_data().items() if name not in defaults}

    added = row_in(as_ada.post(NOTES, json=note_body(sent)))

    assert {name: added[name] for name in defaults} == defaults


@pytest.mark.any_database
@pytest.mark.parametrize("field", ["title"])
def test_missing_required_field_is_rejected(as_ada: TestClient, field: str) -> None:
    sent = new_note_data()
    del sent[field]

    for fields in (sent, {**sent, field: None}):
        response = as_ada.post(NOTES, json=note_body(fields))
        assert response.status_code == 422
        assert invalid_field(response) == field
    assert rows_in(as_ada.get(NOTES)) == []


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "x" * 201),
        ("body", "x" * 50_001),
        ("title", "a\x00b"),
        ("title", "   "),
        ("id", "00000000-0000-7000-8000-000000000000"),
        ("owner_id", "00000000-0000-7000-8000-000000000000"),
        ("version", 9),
        ("no_such_field", 1),
    ],
)
def test_invalid_value_is_rejected(as_ada: TestClient, field: str, value: Any) -> None:
    added = add_note(as_ada)

    created = as_ada.post(NOTES, json=note_body(new_note_data(**{field: value})))
    changed = as_ada.patch(note_url(added), json=note_body({field: value}))

    for response in (created, changed):
        assert response.status_code == 422
        assert invalid_field(response) == field
    assert rows_in(as_ada.get(NOTES)) == [added]


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("title", "NoteTitleTaken"),
    ],
)
def test_taken_value_is_rejected(as_ada: TestClient, as_bob: TestClient, field: str, problem: str) -> None:
    first, second = add_note(as_ada), add_note(as_ada)

    created = as_ada.post(NOTES, json=note_body(new_note_data(**{field: first[field]})))
    changed = as_ada.patch(note_url(second), json=note_body({field: first[field]}))
    unchanged = as_ada.patch(note_url(first), json=note_body({field: first[field]}))

    for response in (created, changed):
        assert response.status_code == 409
        assert error_type(response) == problem
        assert invalid_field(response) == field
    assert unchanged.status_code == 200
    assert ids(as_ada.get(NOTES)) == [second["id"], first["id"]]
    assert add_note(as_bob, **{field: first[field]})[field] == first[field]


def test_list_is_newest_first_and_contains_only_own_rows(as_ada: TestClient, as_bob: TestClient) -> None:
    added = [add_note(as_ada)["id"] for _ in range(3)]
    add_note(as_bob)

    listed = as_ada.get(NOTES)

    assert ids(listed) == added[::-1]
    assert next_cursor(listed) is None


def test_cursors_lead_through_the_whole_list(as_ada: TestClient) -> None:
    added = [add_note(as_ada)["id"] for _ in range(3)]

    first = as_ada.get(NOTES, params={"limit": 2})
    second = as_ada.get(NOTES, params={"limit": 2, "cursor": next_cursor(first)})

    assert ids(first) + ids(second) == added[::-1]
    assert next_cursor(second) is None


def test_cursor_of_another_user_shows_only_own_rows(as_ada: TestClient, as_bob: TestClient) -> None:
    for caller in (as_ada, as_ada, as_bob):
        add_note(caller)

    cursor = next_cursor(as_ada.get(NOTES, params={"limit": 1}))

    assert ids(as_bob.get(NOTES, params={"cursor": cursor})) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "New title"),
    ],
)
def test_list_is_filtered(as_ada: TestClient, field: str, value: Any) -> None:
    add_note(as_ada)
    expected = add_note(as_ada, **({} if value is None else {field: value}))

    found = as_ada.get(NOTES, params={field: expected[field]})

    assert ids(found) == [expected["id"]]
    assert len(ids(as_ada.get(NOTES, params={field: ""}))) == 2


@pytest.mark.parametrize(("field", "value"), [("title", "New title")])
def test_list_is_searched(as_ada: TestClient, field: str, value: str) -> None:
    add_note(as_ada)
    expected = add_note(as_ada, **{field: value})

    assert ids(as_ada.get(NOTES, params={"q": value.upper()})) == [expected["id"]]
    assert ids(as_ada.get(NOTES, params={"q": "%"})) == []


@pytest.mark.parametrize(
    ("field", "less", "more"),
    [
        ("title", "New title", "Some title"),
    ],
)
def test_list_is_sorted(as_ada: TestClient, field: str, less: Any, more: Any) -> None:
    added = [add_note(as_ada, **{field: value})["id"] for value in (less, more)]

    for sort, expected in ((field, added), (f"-{field}", added[::-1])):
        first = as_ada.get(NOTES, params={"sort": sort, "limit": 1})
        second = as_ada.get(NOTES, params={"sort": sort, "limit": 1, "cursor": next_cursor(first)})
        assert ids(first) + ids(second) == expected
        assert next_cursor(second) is None


def test_number_of_queries_per_route(as_ada: TestClient) -> None:
    """The first query of each authenticates the caller. Raise a number only on purpose."""
    sent = [note_body(new_note_data()) for _ in range(3)]
    with capture_queries(as_ada) as requests:
        for body in sent:
            added = row_in(as_ada.post(NOTES, json=body))
            assert len(rows_in(as_ada.get(NOTES))) > 0
        path = note_url(added)
        assert as_ada.get(path).status_code == 200
        assert as_ada.patch(path, json=note_body({"title": "New title"})).status_code == 200
        assert as_ada.delete(path).status_code == 204

    assert count_queries(requests) == {
        f"GET {NOTES}": 2,
        f"POST {NOTES}": 2,
        f"GET {NOTE_PATH}": 2,
        f"PATCH {NOTE_PATH}": 3,
        f"DELETE {NOTE_PATH}": 3 + references_to(models.Note),
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "New title"),
        ("body", "New body"),
    ],
)
def test_update_changes_only_sent_fields(as_ada: TestClient, field: str, value: Any) -> None:
    added = add_note(as_ada)

    changed = as_ada.patch(note_url(added), json=note_body({field: value}))

    assert changed.status_code == 200, changed.text
    assert row_in(changed) == {**added, field: value, "version": 2, "updated_at": row_in(changed)["updated_at"]}
    assert row_in(changed)["updated_at"] > added["updated_at"]
    assert changed.headers["ETag"] == '"2"'
    assert row_in(as_ada.get(note_url(added))) == row_in(changed)


@pytest.mark.any_database
def test_empty_update_changes_nothing(as_ada: TestClient) -> None:
    added = add_note(as_ada)

    assert row_in(as_ada.patch(note_url(added), json=note_body({}))) == added


def test_outdated_version_is_rejected(as_ada: TestClient) -> None:
    path = note_url(add_note(as_ada))

    for method in ("PATCH", "DELETE"):
        body = note_body({}) if method == "PATCH" else None
        response = as_ada.request(method, path, json=body, headers={"If-Match": '"7"'})
        assert response.status_code == 412
        assert error_type(response) == "VersionConflict"
    assert as_ada.patch(path, json=note_body({}), headers={"If-Match": '"1"'}).status_code == 200
    assert as_ada.delete(path, headers={"If-Match": '"1"'}).status_code == 204


def test_deleted_note_is_not_found(as_ada: TestClient) -> None:
    path = note_url(add_note(as_ada))

    deleted = as_ada.delete(path)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert as_ada.get(path).status_code == 404
    assert as_ada.delete(path).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_note_of_another_user_is_not_found(
    as_ada: TestClient, as_bob: TestClient, as_admin: TestClient, method: str
) -> None:
    theirs = add_note(as_bob)
    body = note_body({}) if method == "PATCH" else None

    for caller, row in ((as_ada, theirs), (as_admin, theirs), (as_ada, {**theirs, "id": UNKNOWN_ID})):
        response = caller.request(method, note_url(row), json=body)
        assert response.status_code == 404
        assert error_type(response) == "NoteNotFound"
    assert row_in(as_bob.get(note_url(theirs))) == theirs


@pytest.mark.any_database
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_invalid_id_is_rejected(as_ada: TestClient, method: str) -> None:
    assert as_ada.request(method, note_url({"id": INVALID_ID})).status_code == 422


@pytest.mark.any_database
def test_anonymous_caller_has_no_access(client: TestClient, as_ada: TestClient) -> None:
    path = note_url(add_note(as_ada))

    for method, target in (("GET", NOTES), ("POST", NOTES), ("GET", path), ("PATCH", path), ("DELETE", path)):
        assert client.request(method, target).status_code == 401


def test_deleting_the_owner_deletes_their_notes(
    client: TestClient, as_ada: TestClient, as_bob: TestClient, ada: User
) -> None:
    for caller in (as_ada, as_bob):
        add_note(caller)

    in_database(client, lambda session: session.delete(ada))

    assert in_database(client, lambda session: session.scalar(select(func.count(models.Note.id)))) == 1
