"""Headers, cookies, static files and navigation of all pages."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.accounts.models import User
from app.accounts.permissions import Permission
from app.settings.config import Settings
from app.web import templating
from app.web.templating import NavItem, build_environment
from tests.web.browser import cookie_name, open_browser, read_page, submit

pytestmark = pytest.mark.any_database


def test_pages_are_not_cached_and_forbid_inline_code(client: TestClient, ada: User) -> None:
    """Behaviours 139, 142."""
    response = open_browser(client, ada).get("/account")

    policy = response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in policy
    for directive in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert directive in policy


def test_only_pages_with_a_form_set_an_anonymous_cookie(client: TestClient) -> None:
    browser = open_browser(client)

    assert "set-cookie" not in browser.get("/nowhere").headers
    assert browser.get("/login").headers["set-cookie"].startswith(cookie_name(browser, "anonymous"))
    assert "set-cookie" not in browser.get("/login").headers


def test_static_files_are_cached_until_they_change(client: TestClient) -> None:
    browser = open_browser(client)
    page = browser.get("/login").text
    (address,) = (part for part in page.split('"') if part.startswith("/static/site.css?v="))

    first = browser.get(address)
    again = browser.get(address, headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Content-Type"] == "text/css; charset=utf-8"
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(("environment", "noticed"), [("development", True), ("test", False)])
def test_changed_templates_and_static_files_are_noticed_in_development(
    make_settings: Callable[..., Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    noticed: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(templating, "STATIC", tmp_path)
    templates = build_environment(make_settings(environment=environment), [tmp_path])
    shown = []
    for number in (1, 2):
        for name, text in (("shown.html", "%d {{ static('shown.css') }}"), ("shown.css", "/* %d */")):
            (tmp_path / name).write_text(text.replace("%d", str(number)), encoding="utf-8")
            os.utime(tmp_path / name, (number, number))
        shown.append(templates.get_template("shown.html").render().split())

    assert [before != after for before, after in zip(*shown, strict=True)] == [noticed, noticed]


def test_page_makes_no_third_party_requests(client: TestClient) -> None:
    response = open_browser(client).get("/login")

    assert re.findall(r"<script[^>]*>", response.text) == [
        f'<script type="module" src="{address}">'
        for address in re.findall(r'"(/static/site\.js\?v=\w+)"', response.text)
    ]
    assert "//" not in response.text.replace("<!doctype html>", "")


def test_navigation_marks_the_current_page(client: TestClient, ada: User) -> None:
    assert '<a href="/account" aria-current="page">' in open_browser(client, ada).get("/account").text


def test_navigation_entry_requires_its_permission(client: TestClient, ada: User, admin: User) -> None:
    assert isinstance(client.app, FastAPI)
    entry = NavItem("Secrets", "/secrets", "", Permission.ADMIN_ACCESS)
    client.app.state.nav.append(entry)
    try:
        shown = ["/secrets" in open_browser(client, who).get("/nowhere").text for who in (None, ada, admin)]
    finally:
        client.app.state.nav.remove(entry)

    assert shown == [False, False, True]


def test_visitors_see_only_public_navigation_entries(client: TestClient, ada: User) -> None:
    assert isinstance(client.app, FastAPI)
    entries = [NavItem("For members", "/members"), NavItem("About", "/about", public=True)]
    client.app.state.nav.extend(entries)
    try:
        pages = [open_browser(client, who).get("/nowhere") for who in (None, ada)]
    finally:
        del client.app.state.nav[-len(entries) :]

    links = [[path for path in read_page(page).links if path in {"/members", "/about"}] for page in pages]
    assert links == [["/about"], ["/members", "/about"]]


def test_navigation_groups_more_than_five_entries(client: TestClient, ada: User) -> None:
    assert isinstance(client.app, FastAPI)
    shown = client.app.state.nav[:]
    browser, groups = open_browser(client, ada), []
    try:
        for number in (5, 6):
            client.app.state.nav[:] = [NavItem(f"Item {index}", f"/item-{index}") for index in range(number)]
            page = browser.get("/nowhere").text
            groups.append(page.partition("More</summary>")[2].partition("</ul>")[0].count("/item-"))
    finally:
        client.app.state.nav[:] = shown

    assert groups == [0, 2]


def test_flash_message_cannot_be_forged(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    submit(browser, "/account", display_name="Ada")
    words, mac = browser.cookies[cookie_name(browser, "flash")].split(".")

    browser.cookies.set(cookie_name(browser, "flash"), f"{words[::-1]}.{mac}", domain="testserver.local")

    assert 'role="status"' not in browser.get("/account?flash=forged&saved=yes").text
