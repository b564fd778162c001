"""Files that clients sent to the store themselves, and the fields that take them over."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from app.files import jobs
from tests.files.helpers import HTML, image_bytes, stored_keys
from tests.jobs.helpers import run_jobs
from tests.support import in_database, problem_of

FIELD = "/api/v1/test-files/fields"


def stage(client: TestClient, content: bytes) -> str:
    """Put a file where a client's PUT to a signed URL puts it, and return the upload's ID."""
    upload_id = uuid4().hex
    assert client.portal is not None
    client.portal.call(client.app_state["files"].put, f"incoming/{upload_id}", content, {})
    return upload_id


def take_over(client: TestClient, upload_id: str, **values: Any) -> Any:
    """Send a direct upload to a field."""
    return client.put(FIELD, data={"upload": upload_id, **values})


def test_field_takes_an_upload_over_once(client: TestClient, as_ada: TestClient) -> None:
    upload_id = stage(client, image_bytes("PNG", 40, 30))

    taken = take_over(as_ada, upload_id, name="../me.html")
    again = take_over(as_ada, upload_id)

    assert (taken.status_code, taken.json()["name"], taken.json()["width"]) == (200, "me.html.png", 40)
    assert as_ada.get(f"/api/v1/test-files/{taken.json()['id']}").content.startswith(b"\x89PNG")
    assert f"incoming/{upload_id}" not in stored_keys(client)
    assert again.status_code == 422
    assert problem_of(again)["errors"][0]["msg"] == "The file hasn't been uploaded"


@pytest.mark.parametrize("content", [HTML, b"", bytes(2_000_001), image_bytes("PNG") + bytes(2_000_000)])
def test_uploads_are_checked_by_the_rules_of_the_field(client: TestClient, as_ada: TestClient, content: bytes) -> None:
    upload_id = stage(client, content)

    response = take_over(as_ada, upload_id)

    assert response.status_code == (413 if content.startswith(b"\x89PNG") else 422), response.text
    assert f"incoming/{upload_id}" in stored_keys(client)


@pytest.mark.any_database
@pytest.mark.parametrize(
    "body",
    [{}, {"upload": "../../ab/cd"}, {"upload": "A" * 32}, {"upload": ""}, {"upload": "a" * 32, "name": "n" * 300}],
)
def test_invalid_reference_is_refused(as_ada: TestClient, body: dict[str, str]) -> None:
    response = as_ada.put(FIELD, data=body)

    assert response.status_code == 422
    assert problem_of(response)["errors"][0]["loc"][0] == "body"


def test_upload_that_no_field_takes_over_is_deleted(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"incoming/{stage(client, HTML)}"

    delete_orphans(client)
    assert key in stored_keys(client)

    monkeypatch.setattr(jobs, "GRACE", timedelta(days=-1))
    delete_orphans(client)
    assert key not in stored_keys(client)


def delete_orphans(client: TestClient) -> None:
    """Run the daily job."""
    in_database(client, jobs.delete_orphans.enqueue)
    run_jobs(client)
