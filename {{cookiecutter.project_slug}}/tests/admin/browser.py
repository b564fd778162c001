"""A browser in the admin: it sends the forms that it is shown, and runs actions as the admin's scripts do."""

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def save(browser: TestClient, page: str, data: Mapping[str, Any] | None = None, /, **fields: Any) -> Response:
    """Load a form, fill it in, and send it."""
    shown = browser.get(page)
    assert shown.status_code == 200, shown.text
    return browser.post(page, data={**dict(HIDDEN.findall(shown.text)), **(data or {}), **fields})


def form_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what people enter in a form to say the same as this JSON; a box that is not ticked sends nothing."""
    written = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in data.items()}
    return {name: value for name, value in written.items() if value is not None and value is not False}


def run_action(browser: TestClient, view: str, name: str, *ids: object) -> Response:
    """Run an action on the rows with these ids."""
    return _post(browser, f"{view}/action", {"name": name, "pks": [str(row) for row in ids]})


def run_row_action(browser: TestClient, view: str, name: str, row: object) -> Response:
    """Run an action from the menu of one row."""
    return _post(browser, f"{view}/row-action", {"name": name, "pk": str(row)})


def export(browser: TestClient, view: str, kind: str) -> Response:
    """Export the first page of a list."""
    token = csrf_token(browser)
    data = {"csrftoken": token, "format": kind, "scope": "page"}
    return browser.post(f"/admin/_api/{view}/action?name=export&pks=", data=data)


def csrf_token(browser: TestClient) -> str:
    """Return the token that a page gives to the admin's scripts. No page is made as quickly as that of an error."""
    found = re.search(r'<meta name="csrf-token" content="([^"]+)"', browser.get("/admin/nothing").text)
    assert found
    return found[1]


def page_text(answer: Response) -> str:
    """Return the text of a page, without its tags."""
    return unescape(re.sub(r"<[^>]+>", " ", answer.text))


def listed_ids(browser: TestClient, view: str, **query: Any) -> list[str]:
    """Return the ids on a page of a list."""
    shown = browser.get(f"/admin/{view}/list", params=query)
    assert shown.status_code == 200, shown.text
    return re.findall(r'<tr data-sa-pk="([^"]+)"', shown.text)


def _post(browser: TestClient, path: str, query: dict[str, Any]) -> Response:
    return browser.post(f"/admin/_api/{path}", params=query, headers={"X-CSRFToken": csrf_token(browser)})
