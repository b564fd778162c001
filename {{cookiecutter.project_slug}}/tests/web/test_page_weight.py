"""The budget of pages: what they load, in bytes before compression."""

import re

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database

BUDGET = 60_000
STYLES = re.compile(r'<link rel="stylesheet" href="([^"]+)"')
SCRIPTS = re.compile(r'<script[^>]* src="([^"]+)"')
BLOCKING = re.compile(r'<script(?![^>]*(?: type="(?:module|application/json)"| defer| async))')


@pytest.mark.parametrize("page", ["/", "/login", "/signup", "/sample-notes", "/sample-notes/new", "/account"])
def test_page_is_within_its_budget(client: TestClient, ada: User, page: str) -> None:
    browser = open_browser(client, None if page in {"/login", "/signup"} else ada)

    shown = browser.get(page)

    assert shown.status_code == 200
    urls = [*STYLES.findall(shown.text), *SCRIPTS.findall(shown.text)]
    files = {url: browser.get(url) for url in urls}
    assert {file.status_code for file in files.values()} == {200}
    assert sum(len(file.content) for file in files.values()) < BUDGET, files
    assert len(STYLES.findall(shown.text)) == 1
    assert BLOCKING.findall(shown.text) == []
