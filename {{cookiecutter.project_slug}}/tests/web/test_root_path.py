"""Pages served below a path: links, forms and files include it."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

import app
from app.accounts.models import User
from tests.support import PASSWORD, add_user
from tests.web.browser import cookie_name, open_browser, submit

pytestmark = pytest.mark.any_database

ADDRESS = re.compile(r'(?:href|src|action|data-sa-href)="(/[^"]*)"')


@pytest.fixture
def below(start_app: Callable[..., TestClient]) -> TestClient:
    """Serve the app below a path."""
    return start_app(base_url="http://testserver/below")


@pytest.fixture
def admin(below: TestClient) -> User:
    return add_user(below, "admin@example.com", admin=True)


def test_all_urls_on_all_pages_are_below_the_root_path(below: TestClient, admin: User) -> None:
    browser = open_browser(below, admin)
    waiting, seen = ["/below/login", "/below/account", "/below/docs", "/below/nowhere"], dict[str, int]()

    while waiting:
        path = waiting.pop()
        response = browser.get(path)
        seen[path] = response.status_code
        found = {*map(_without_query, ADDRESS.findall(response.text)), *map(_without_query, _redirects(response))}
        assert [target for target in found if not target.startswith("/below/")] == [], path
        waiting += sorted(found - seen.keys() - set(waiting))

    assert len(seen) > 10
    # Paths that accept only POST return 405.
    assert {path for path, status in seen.items() if status >= 400 and status != 405} == {"/below/nowhere"}


def _without_query(address: str) -> str:
    """Drop the query, except for the primary key of a row."""
    path, _, query = unescape(address).partition("?")
    row = re.search(r"\bpk=[^&]+", query)
    return f"{path}?{row[0]}" if row else path


def _redirects(response: Response) -> list[str]:
    return [response.headers["Location"]] if "Location" in response.headers else []


def test_login_redirects_to_the_requested_page(below: TestClient, admin: User) -> None:
    browser = open_browser(below)
    redirect = browser.get("/below/account/sessions?a=b")
    assert redirect.headers["Location"] == "/below/login?next=%2Faccount%2Fsessions%3Fa%3Db"

    response = submit(
        browser, redirect.headers["Location"], action="/below/login", email=admin.email, password=PASSWORD
    )

    assert (response.status_code, response.headers["Location"]) == (303, "/below/account/sessions?a=b")
    assert cookie_name(below).endswith(".below.session")
    assert cookie_name(below) in browser.cookies
    assert browser.get("/account/sessions").status_code == 200  # a proxy may strip the path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"project_name": "One"}, {"project_name": "Other"}, id="name"),
        pytest.param({"base_url": "http://testserver:8001"}, {"base_url": "http://testserver:8002"}, id="port"),
        pytest.param({"base_url": "http://testserver/below"}, {"base_url": "http://testserver/beside"}, id="path"),
    ],
)
def test_projects_on_one_host_use_different_cookies(
    start_app: Callable[..., TestClient], one: dict[str, str], other: dict[str, str]
) -> None:
    """Ports and paths of a host share the browser's cookies."""
    projects = [start_app(**changes) for changes in (one, other)]
    ada = add_user(projects[0], "ada@example.com")
    browsers = [open_browser(project) for project in projects]
    browsers[1].cookies = browsers[0].cookies

    for browser in browsers:
        root = browser.app_state["settings"].root_path
        assert submit(browser, f"{root}/login", email=ada.email, password=PASSWORD).status_code == 303

    assert [browser.get("/account").status_code for browser in browsers] == [200, 200]
    assert submit(browsers[1], f"{root}/account", action=f"{root}/logout").status_code == 303
    assert [browser.get("/account").status_code for browser in browsers] == [200, 303]


def test_all_urls_in_templates_start_with_root() -> None:
    """URLs start with `{{ root }}`, or are built by a function that adds it."""
    attributes = r"""\b(?:href|src|action|formaction|srcset|poster)\s*=\s*["']?/"""
    absolute = re.compile(rf"""{attributes}|\b(?:pagination|entry)\(["']/""")
    folders = [Path(app.__file__).parent, Path(app.__file__).parents[1] / "scaffold"]
    templates = [path for folder in folders for kind in ("*.html", "*.html.j2") for path in folder.rglob(kind)]
    found = {path.name: absolute.findall(path.read_text(encoding="utf-8")) for path in templates}

    assert len(found) > 10
    assert {name: lines for name, lines in found.items() if lines} == {}
