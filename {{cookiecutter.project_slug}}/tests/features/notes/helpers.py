"""The API of notes as its tests call it, and functions that create rows.

If you change the addresses, the JSON or the errors of the API, change these functions: the tests use the model's names.
"""

from typing import Any

from starlette.testclient import TestClient

from tests.support import unique_number

NOTES = "/api/v1/notes"
NOTE_PATH = "/api/v1/notes/{note_id}"
UNKNOWN_ID = "01890000-0000-7000-8000-000000000000"
INVALID_ID = "not-an-id"


def note_url(row: dict[str, Any]) -> str:
    """Return the address of a note."""
    return NOTE_PATH.format(note_id=row["id"])


def note_body(fields: dict[str, Any]) -> Any:
    """Return the request body that sends these fields."""
    return fields


def row_in(response: Any) -> dict[str, Any]:
    """Return the fields of the note in a response."""
    row: dict[str, Any] = response.json()
    return row


def rows_in(response: Any) -> list[dict[str, Any]]:
    """Return the rows in a page of results."""
    rows: list[dict[str, Any]] = response.json()["items"]
    return rows


def next_cursor(response: Any) -> Any:
    """Return the cursor of the next page."""
    return response.json()["next_cursor"]


def error_type(response: Any) -> str:
    """Return the type of an error."""
    return str(response.json()["type"]).removeprefix("urn:problem:")


def invalid_field(response: Any) -> Any:
    """Return the field of the request body that an error names."""
    place, field, *_ = response.json()["errors"][0]["loc"]
    assert place == "body"
    return field


def new_note_data(**changes: Any) -> dict[str, Any]:
    """Return the fields of a new note."""
    return {
        "title": f"Some title {unique_number()}",
        "body": "Some body",
        **changes,
    }


def add_note(caller: TestClient, **fields: Any) -> dict[str, Any]:
    """Create a note through the API."""
    answer = caller.post(NOTES, json=note_body(new_note_data(**fields)))
    assert answer.status_code == 201, answer.text
    return row_in(answer)
