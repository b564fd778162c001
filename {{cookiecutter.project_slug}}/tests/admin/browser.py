"""Helpers that use the admin like a browser: submit forms, run actions, read lists."""

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


CHOICE = re.compile(r'<select id="(\w+)"(?![^>]*\bmultiple\b)[^>]*class="field-enum[^>]*>(.*?)</select>', re.DOTALL)
INPUT = re.compile(r'<input id="(\w+)"\s+name="\w+"\s+class="field-[^"]*"\s+value="([^"]+)"')
SELECTED = re.compile(r'<option value="([^"]*)"\s*selected')


def save(
    browser: TestClient,
    page: str,
    data: Mapping[str, Any] | None = None,
    files: Mapping[str, tuple[str, bytes]] | None = None,
    /,
    **fields: Any,
) -> Response:
    """Load a form, fill it in, and submit it."""
    shown = browser.get(page)
    assert shown.status_code == 200, shown.text
    inputs = {name: unescape(value) for name, value in [*HIDDEN.findall(shown.text), *INPUT.findall(shown.text)]}
    sent = {**inputs, **_choices_in(shown.text)}
    return browser.post(page, data={**sent, **(data or {}), **fields}, files=files)


def _choices_in(page: str) -> dict[str, str]:
    """Return the selected options of a page, which browsers send."""
    found = {name: SELECTED.search(options) for name, options in CHOICE.findall(page)}
    return {name: match[1] for name, match in found.items() if match}


def form_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form data for this JSON. Null and false are omitted, like an unchecked box."""
    written = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in data.items()}
    return {name: value for name, value in written.items() if value is not None and value is not False}


def run_action(browser: TestClient, view: str, name: str, *ids: object) -> Response:
    """Run an action on the rows with these IDs."""
    return _post(browser, f"{view}/action", {"name": name, "pks": [str(row) for row in ids]})


def run_row_action(browser: TestClient, view: str, name: str, row: object) -> Response:
    """Run an action on one row."""
    return _post(browser, f"{view}/row-action", {"name": name, "pk": str(row)})


def export(browser: TestClient, view: str, kind: str) -> Response:
    """Export the first page of a list."""
    token = csrf_token(browser)
    data = {"csrftoken": token, "format": kind, "scope": "page"}
    return browser.post(f"/admin/_api/{view}/action?name=export&pks=", data=data)


def csrf_token(browser: TestClient) -> str:
    """Return the CSRF token from a page. The error page is the fastest."""
    found = re.search(r'<meta name="csrf-token" content="([^"]+)"', browser.get("/admin/nothing").text)
    assert found
    return found[1]


def page_text(response: Response) -> str:
    """Return the text of a page without tags."""
    return unescape(re.sub(r"<[^>]+>", " ", response.text))


def listed_ids(browser: TestClient, view: str, **query: Any) -> list[str]:
    """Return the IDs of the rows on a page of a list."""
    shown = browser.get(f"/admin/{view}/list", params=query)
    assert shown.status_code == 200, shown.text
    return re.findall(r'<tr data-sa-pk="([^"]+)"', shown.text)


def _post(browser: TestClient, path: str, query: dict[str, Any]) -> Response:
    return browser.post(f"/admin/_api/{path}", params=query, headers={"X-CSRFToken": csrf_token(browser)})
