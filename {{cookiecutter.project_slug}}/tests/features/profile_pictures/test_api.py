"""Profile pictures: uploading, who sees them, deleting."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from app.accounts.models import User
from app.features.profile_pictures.service import RULES
from tests.features.profile_pictures.helpers import MINE, PICTURES, count_rows, upload
from tests.files.helpers import PDF, SVG, image_bytes
from tests.query_counts import capture_queries, count_queries
from tests.support import add_user, in_database, problem_of, sign_in


def test_uploaded_picture_is_served(as_ada: TestClient) -> None:
    uploaded = upload(as_ada)

    assert uploaded.status_code == 200, uploaded.text
    read = as_ada.get(MINE)
    assert (read.status_code, read.headers["Content-Type"]) == (200, "image/png")
    assert read.content.startswith(b"\x89PNG")
    assert len(read.content) == uploaded.json()["size"]
    assert (uploaded.json()["width"], uploaded.json()["height"]) == (40, 30)
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert as_ada.get(MINE, headers={"If-None-Match": read.headers["ETag"]}).status_code == 304


def test_new_picture_replaces_the_previous_one(client: TestClient, as_ada: TestClient) -> None:
    upload(as_ada)
    first = as_ada.get(MINE).content

    upload(as_ada, image_bytes("JPEG", 20, 20), name="../../other.html")

    assert as_ada.get(MINE).headers["Content-Type"] == "image/jpeg"
    assert as_ada.get(MINE).content != first
    assert count_rows(client) == (1, 1)


def test_concurrent_uploads_leave_one_picture(client: TestClient, as_ada: TestClient) -> None:
    with ThreadPoolExecutor(4) as threads:
        responses = list(threads.map(lambda _: upload(as_ada).status_code, range(4)))

    assert responses == [200] * 4
    assert count_rows(client) == (1, 1)


@pytest.mark.any_database
@pytest.mark.parametrize("content", [PDF, SVG, b"", b"GIF89a<script>alert(1)</script>"])
def test_other_files_are_rejected(client: TestClient, as_ada: TestClient, content: bytes) -> None:
    response = upload(as_ada, content)

    assert response.status_code == 422
    assert problem_of(response)["errors"][0]["loc"] == ["body", "picture"]
    assert count_rows(client) == (0, 0)


@pytest.mark.any_database
def test_missing_file_is_rejected(as_ada: TestClient) -> None:
    bodies: tuple[Any, ...] = ({"files": {"other": ("me.png", b"x")}}, {"data": {"picture": "text"}}, {"json": {}}, {})
    for sent in bodies:
        response = as_ada.put(MINE, **sent)
        assert response.status_code == 422, sent
        assert problem_of(response)["errors"][0]["loc"] == ["body", "picture"]


@pytest.mark.any_database
def test_malformed_form_is_rejected(as_ada: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = as_ada.put(MINE, content=b"--x\r\nnothing", headers=headers)

    assert 400 <= response.status_code < 500


@pytest.mark.any_database
def test_large_picture_is_rejected(client: TestClient, as_ada: TestClient) -> None:
    response = upload(as_ada, image_bytes("PNG", 40, 30) + b"x" * RULES.max_bytes)

    assert (response.status_code, problem_of(response)["status"]) == (413, 413)
    assert count_rows(client) == (0, 0)


def test_picture_is_visible_to_users_who_see_the_name(
    client: TestClient, as_ada: TestClient, as_bob: TestClient, ada: User, bob: User
) -> None:
    upload(as_ada)

    assert as_bob.get(PICTURES.format(user_id=ada.id)).content == as_ada.get(MINE).content
    for unknown in (bob.id, uuid4()):
        response = as_ada.get(PICTURES.format(user_id=unknown))
        assert (response.status_code, problem_of(response)["type"]) == (404, "urn:problem:ProfilePictureNotFound")
    assert client.get(PICTURES.format(user_id=ada.id)).status_code == 401
    assert as_bob.get(MINE).status_code == 404


def test_picture_of_a_hidden_user_is_not_found(
    client: TestClient, as_ada: TestClient, as_bob: TestClient, ada: User
) -> None:
    upload(as_ada)
    in_database(client, lambda session: session.execute(update(User).values(is_active=False).where(User.id == ada.id)))
    support = sign_in(client, add_user(client, "support@example.com", permission="users:read"))

    assert as_bob.get(PICTURES.format(user_id=ada.id)).status_code == 404
    assert support.get(PICTURES.format(user_id=ada.id)).status_code == 200


def test_picture_is_deleted(client: TestClient, as_ada: TestClient) -> None:
    upload(as_ada)

    assert as_ada.delete(MINE).status_code == 204

    assert as_ada.get(MINE).status_code == 404
    assert as_ada.delete(MINE).status_code == 404
    assert count_rows(client) == (0, 0)


def test_picture_is_exported_with_the_account_and_deleted_with_it(
    client: TestClient, as_ada: TestClient, as_bob: TestClient, ada: User
) -> None:
    file = upload(as_ada, name="portrait.png").json()
    upload(as_bob)

    copy = as_ada.get("/api/v1/users/me/export").json()

    assert [row["file_id"] for row in copy["profile_pictures"]] == [file["id"]]
    assert [(row["id"], row["name"], row["sha256"]) for row in copy["files"]] == [
        (file["id"], "portrait.png", file["sha256"])
    ]
    assert as_ada.delete("/api/v1/users/me").status_code == 204
    assert count_rows(client)[0] == 1
    assert as_bob.get(PICTURES.format(user_id=ada.id)).status_code == 404


def test_number_of_queries(as_ada: TestClient, as_bob: TestClient, ada: User) -> None:
    with capture_queries(as_ada, as_bob) as requests:
        for _ in range(2):
            upload(as_ada)
        as_ada.get(MINE)
        as_bob.get(PICTURES.format(user_id=ada.id))
        as_ada.delete(MINE)

    assert count_queries(requests) == {
        "PUT /api/v1/users/me/picture": range(6, 10),
        "GET /api/v1/users/me/picture": 2,
        "GET /api/v1/users/{user_id}/picture": 2,
        "DELETE /api/v1/users/me/picture": 6,
    }
