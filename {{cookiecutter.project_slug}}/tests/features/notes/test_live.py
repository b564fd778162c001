"""Live updates of notes."""

import pytest
from starlette.testclient import TestClient

from tests.features.notes.helpers import (
    NOTES,
    add_note,
    note_body,
    note_url,
)
from tests.query_counts import capture_queries, count_queries
from tests.streams import open_stream


def test_stream_has_each_change(as_ada: TestClient) -> None:
    with open_stream(as_ada, f"{NOTES}/live") as stream:
        added = add_note(as_ada)
        assert stream.next_change_of(added) == "created"
        as_ada.patch(note_url(added), json=note_body({"body": "New body"}))
        assert stream.next_change_of(added) == "updated"
        as_ada.delete(note_url(added))
        assert stream.next_change_of(added) == "deleted"


@pytest.mark.any_database
def test_number_of_queries_of_the_stream(as_ada: TestClient) -> None:
    with capture_queries(as_ada) as requests, open_stream(as_ada, f"{NOTES}/live"):
        pass
    assert count_queries(requests) == {f"GET {NOTES}/live": 1}


def test_changes_of_another_user_are_not_in_the_stream(as_ada: TestClient, as_bob: TestClient) -> None:
    with open_stream(as_bob, f"{NOTES}/live") as stream:
        add_note(as_ada)
        added = add_note(as_bob)

        assert stream.next_change() == ("created", str(added["id"]))
