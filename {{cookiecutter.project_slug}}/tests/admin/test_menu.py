"""The menu: sections, icons, and the way back to the site."""

import re

import pytest
from starlette.testclient import TestClient

from app.accounts.permissions import Permission
from app.admin.base.menu import icon_for
from app.admin.views.roles import RoleView
from tests.admin.staff import add_staff
from tests.routes import app_of
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database

SECTION = re.compile(r'<h2 class="side-section"[^>]*>(\w+)</h2>(.*?)</ul>', re.DOTALL)
LABEL = re.compile(r"</i>([^<]+)</a>")


def menu(browser: TestClient) -> dict[str, list[str]]:
    """Return the labels of the menu by section."""
    return {title: LABEL.findall(items) for title, items in SECTION.findall(browser.get("/admin/").text)}


def test_menu_has_content_then_people_then_system(browser: TestClient) -> None:
    shown = menu(browser)

    assert [*shown] == ["Content", "People", "System"]
    assert "Sample notes" in shown["Content"]
    assert shown["People"][:3] == ["Users", "Roles", "Sessions"]
    assert shown["System"][:2] == ["Events", "Emails"]


def test_view_can_be_in_another_section(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RoleView, "section", "Security")

    assert [*menu(browser)] == ["Content", "Security", "People", "System"]
    assert menu(browser)["Security"] == ["Roles"]


def test_section_without_accessible_views_is_not_shown(client: TestClient) -> None:
    staff = open_browser(client, add_staff(client, "staff", Permission.ADMIN_ACCESS))

    assert [*menu(staff)] == ["Content"]


def test_icon_is_guessed_from_the_last_known_word() -> None:
    assert icon_for("Book") == "fa-solid fa-book"
    assert icon_for("BookReview") == "fa-solid fa-comment"
    assert icon_for("BookThing") == "fa-solid fa-book"
    assert icon_for("Xyz") == "fa-solid fa-rectangle-list"


def test_menu_links_to_the_site_if_it_has_a_home_page(browser: TestClient) -> None:
    is_linked = '<a class="btn btn-sm" href="/">View site</a>' in browser.get("/admin/").text

    assert is_linked == (app_of(browser).state.home == "/")
