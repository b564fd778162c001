"""Exports of all that a list finds."""

from httpx2 import Response
from starlette.testclient import TestClient

from tests.admin.browser import csrf_token


def export_all(browser: TestClient, kind: str, **data: str) -> Response:
    """Export all rows that are found, as after a click on "select all"."""
    sent = {"csrftoken": csrf_token(browser), "format": kind, "scope": "selected", **data}
    answer = browser.post("/admin/_api/sample-note/action?name=export&all=1&_list_query=q%3Dnote", data=sent)
    assert answer.status_code < 400, answer.text
    return answer
