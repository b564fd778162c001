"""Deleting a referenced row fails with an error that names the row and its references."""

from typing import Any

from starlette.testclient import TestClient

from tests.admin.audit_log import recorded_events
from tests.admin.browser import listed_ids, run_action, run_row_action
from tests.admin.factories import add_author, add_row, models


def add_lockers(library: TestClient, author: Any, number: int) -> None:
    """Insert lockers that refer to an author."""
    for _ in range(number):
        add_row(library, models().Locker(place="Hall", key_hash="0", author_id=author.id))


def test_error_names_the_row_and_its_references(library: TestClient) -> None:
    ada, bob, carol = (add_author(library, name) for name in ("Ada", "Bob", "Carol"))
    add_lockers(library, ada, 1)
    add_lockers(library, bob, 3)

    alone = run_row_action(library, "author", "delete", ada.id)
    together = run_action(library, "author", "delete", carol.id, bob.id)

    assert (alone.status_code, together.status_code) == (400, 400)
    assert alone.json()["msg"] == 'Can\'t delete "Ada": 1 locker still refers to this author.'
    assert together.json()["msg"] == 'Can\'t delete "Bob": 3 lockers still refer to this author.'
    assert sorted(listed_ids(library, "author")) == sorted(str(row.id) for row in (ada, bob, carol))
    assert recorded_events(library, "data_deleted") == []


def test_unreferenced_row_is_deleted(library: TestClient) -> None:
    ada, bob = (add_author(library, name) for name in ("Ada", "Bob"))
    add_lockers(library, ada, 1)

    assert run_action(library, "author", "delete", bob.id).status_code == 200

    assert listed_ids(library, "author") == [str(ada.id)]
