"""A row that others refer to is not deleted: the admin says which, and what refers to it."""

from typing import Any

from starlette.testclient import TestClient

from tests.admin.audit_log import happened
from tests.admin.browser import act, act_on_row, listed
from tests.admin.factories import add, add_author, models


def add_lockers(library: TestClient, author: Any, number: int) -> None:
    """Write lockers that refer to an author."""
    for _ in range(number):
        add(library, models().Locker(place="Hall", key_hash="0", author_id=author.id))


def test_refusal_names_the_row_and_what_refers_to_it(library: TestClient) -> None:
    ada, bob, carol = (add_author(library, name) for name in ("Ada", "Bob", "Carol"))
    add_lockers(library, ada, 1)
    add_lockers(library, bob, 3)

    alone = act_on_row(library, "author", "delete", ada.id)
    together = act(library, "author", "delete", carol.id, bob.id)

    assert (alone.status_code, together.status_code) == (400, 400)
    assert alone.json()["msg"] == 'Can\'t delete "Ada": 1 locker still refers to this author.'
    assert together.json()["msg"] == 'Can\'t delete "Bob": 3 lockers still refer to this author.'
    assert sorted(listed(library, "author")) == sorted(str(row.id) for row in (ada, bob, carol))
    assert happened(library, "data_deleted") == []


def test_row_that_nothing_refers_to_is_deleted(library: TestClient) -> None:
    ada, bob = (add_author(library, name) for name in ("Ada", "Bob"))
    add_lockers(library, ada, 1)

    assert act(library, "author", "delete", bob.id).status_code == 200

    assert listed(library, "author") == [str(ada.id)]
