"""URLs of the store for direct uploads."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.query_counts import capture_queries, count_queries
from tests.support import add_user, problem_of, sign_in

DIRECT = "/api/v1/direct-uploads"
CLOUD = "s3://bucket/files?endpoint=http://127.0.0.1:1&access_key_id=test&secret_access_key=hidden&region=us-east-1"


@pytest.mark.any_database
def test_cloud_store_gets_uploads_at_a_signed_url(start_app: Any) -> None:
    client = start_app(files={"url": CLOUD})

    caller = sign_in(client, add_user(client, "ada@example.com"))
    with capture_queries(caller) as requests:
        response = caller.post(DIRECT)

    assert count_queries(requests) == {"POST /api/v1/direct-uploads": 1}
    assert response.status_code == 201, response.text
    upload = response.json()
    assert re.fullmatch(r"[0-9a-f]{32}", upload["id"])
    assert upload["method"] == "PUT"
    assert upload["url"].startswith(f"http://127.0.0.1:1/bucket/files/incoming/{upload['id']}?")
    assert "X-Amz-Expires=900&" in upload["url"]
    assert "hidden" not in response.text


@pytest.mark.any_database
def test_store_without_signed_urls_refuses(client: TestClient, as_ada: TestClient) -> None:
    response = as_ada.post(DIRECT)

    assert response.status_code == 409
    assert "multipart/form-data" in problem_of(response)["detail"]
    assert client.post(DIRECT).status_code == 401
