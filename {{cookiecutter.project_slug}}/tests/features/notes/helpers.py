"""Helpers for the tests of notes."""

from typing import Any

from starlette.testclient import TestClient

from tests.support import unique_number

NOTES = "/api/v1/notes"


def new_note_data(**changes: Any) -> dict[str, Any]:
    """Return the JSON of a new note."""
    return {
        "title": f"Some title {unique_number()}",
        "body": "Some body",
        **changes,
    }


def add_note(caller: TestClient, **fields: Any) -> dict[str, Any]:
    """Create a note through the API."""
    answer = caller.post(NOTES, json=new_note_data(**fields))
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added
