"""Helper for exports of all rows of a list."""

from httpx2 import Response
from starlette.testclient import TestClient

from tests.admin.browser import csrf_token


def export_all(browser: TestClient, kind: str, **data: str) -> Response:
    """Export all rows that match a search, like "Select all"."""
    sent = {"csrftoken": csrf_token(browser), "format": kind, "scope": "selected", **data}
    response = browser.post("/admin/_api/sample-note/action?name=export&all=1&_list_query=q%3Dnote", data=sent)
    assert response.status_code < 400, response.text
    return response
