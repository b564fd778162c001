"""Pages by keyboard, for screen readers, zoomed, right to left, in forced colors; Lighthouse."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator

from benchmarks import lighthouse
from proofs.screenshots import (
    ADMIN,
    USER,
    VISITOR,
    Rows,
    create_rows,
    moves_while_loading,
    window,
)
from tests.baking import Bake
from tests.every_field_type import RESOURCES
from tests.keyboard import Keyboard, has_focus
from tests.life import FIRST, SECOND, one_time_code
from tests.page_faults import find_faults, find_faults_in_other_modes
from tests.serving import Server, run_dev, serving
from tests.windows import DESKTOP, visit

ADDRESS = "hopper@example.com"
SONG = ["Song", "title:str=80", "pages:int:optional", "--under", "Maker"]
SHOWN_OTHERWISE = {"redoc", "mail-html"}
"""Pages in the style of others: of a library, and of an email."""
API_DOCS = {"api-docs"}
"""Lighthouse checks this page; not all of the library's markup is in our hands."""
ALIKE = {"signup", "signup-sent", "password-sent", "labels", "remarks", "notes-new", "note-edit"}
ALIKE |= {"account-password", "account-email", "account-data", "admin-users", "admin-user"}
ALIKE |= {"admin-roles", "admin-sessions", "admin-mails", "admin-notes", "admin-makers"}
ALIKE |= {"admin-articles", "admin-grants", "admin-thing-create", "thing-edit", "things-new"}
"""Pages with the layout of others, which are checked in one mode only."""
LEAST_SCORE = 95


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """Generate a project with a resource of each access, and one under another."""
    project = bake()
    lines = "".join(f"{shlex.join(resource)}\n" for resource in [*RESOURCES, SONG])
    (project / "all.txt").write_text(lines, encoding="utf-8")
    run_dev(project, "app", "new", "resources", "all.txt")
    return project


@pytest.fixture(scope="module")
def server(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve it."""
    with serving(project, tmp_path_factory.mktemp("log") / "server.txt") as server:
        yield server


@pytest.fixture(scope="module")
def rows(server: Server, project: Path) -> Rows:
    """Create rows, a month of history, and an email."""
    return create_rows(server, project)


@pytest.mark.parametrize("who", ["visitor", "user", "admin"])
def test_pages_are_accessible(chromium: Browser, server: Server, rows: Rows, who: str) -> None:
    pages = {"visitor": VISITOR, "user": USER, "admin": ADMIN}[who]
    faults: dict[str, list[str]] = {}
    with window(chromium, server, DESKTOP[0], "light", who) as visit:
        for name, path in pages.items():
            if name in SHOWN_OTHERWISE | API_DOCS:
                continue
            visit.page.goto(server.address + rows.path(path))
            visit.page.wait_for_load_state("networkidle")
            faults[name] = find_faults(visit.page)
            if moves_while_loading(visit.page):
                faults[name].append("moves while it loads")
            if name not in ALIKE:
                faults[name] += find_faults_in_other_modes(visit.page)

    assert {name: found for name, found in faults.items() if found} == {}


def test_lighthouse_scores(server: Server, rows: Rows) -> None:
    if missing := lighthouse.missing_tools():
        fail = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        fail(f"Lighthouse needs {', '.join(missing)}")
    cookies = lighthouse.signed_in_cookies(server)
    urls = {name: server.address + rows.path(path) for name, path in lighthouse.PAGES.items()}
    urls |= {"form of all types": f"{server.address}/admin/thing/create"}
    visited = {name: server.address + path for name, path in lighthouse.VISITOR_PAGES.items()}

    found = lighthouse.measure({**visited, "docs": f"{server.address}/docs"}, quick=True)
    found |= lighthouse.measure(urls, cookies, quick=True)

    low = {name: one for name, (one,) in found.items() if min(one.scores.values()) < LEAST_SCORE}
    assert low == {}
    assert len(found) == len(urls) + 3


def test_account_life_by_keyboard(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        keys = Keyboard(window.page)
        window.open("/")
        sign_up(keys)
        edit_profile(keys)
        write_note(keys)
        change_password(keys)
        code = add_second_factor(keys)

        sign_in(keys, ADDRESS, SECOND)
        keys.type(code)
        keys.follow()
        keys.to("link", "Skip to content")
        keys.open("button", "Sign out")


def sign_up(keys: Keyboard) -> None:
    """Sign up on the home page, confirm the address, and sign in."""
    keys.to("link", "Skip to content")
    keys.open("link", "Sign up")
    keys.type(ADDRESS)  # the first field has the focus
    keys.fill("Password", FIRST)
    keys.open("button", "Sign up")
    open_mail(keys, "Confirm your email address")
    keys.skip()
    keys.to("button", "Confirm")
    keys.follow("Space")
    sign_in(keys, ADDRESS, FIRST)


def edit_profile(keys: Keyboard) -> None:
    """Open the account, and enter a name."""
    keys.to("link", "Skip to content")
    keys.open("link", "Account")
    keys.skip()
    keys.fill("Your name (optional)", "Grace Hopper")
    keys.open("button", "Save")
    assert has_focus(keys.page.get_by_role("status"))


def write_note(keys: Keyboard) -> None:
    """Create a note, edit it, search it and delete it."""
    page = keys.page
    keys.open("link", "Notes", "Shift+Tab")
    keys.skip()
    keys.open("link", "New note")
    keys.type("Written by keyboard")
    keys.fill("Body (optional)", "First")
    keys.press("Enter")
    page.keyboard.type("Second")
    keys.open("button", "Save note")
    assert has_focus(page.get_by_role("status"))
    keys.open("link", "Edit")
    keys.type("Changed by keyboard")
    keys.follow()
    keys.open("link", "All notes", "Shift+Tab")
    keys.skip()
    keys.fill("Search", "changed")
    keys.to("combobox", "Sort by")
    keys.press("ArrowDown")
    keys.open("button", "Search")
    keys.skip()
    keys.open("link", "Changed by keyboard")
    keys.skip()
    keys.tab_to(page.locator("summary", has_text="Delete…"))
    keys.press("Enter")
    keys.to("button", "Delete note")
    keys.follow("Space")
    assert has_focus(page.get_by_role("status"))


def change_password(keys: Keyboard) -> None:
    """Change the password to the second one."""
    keys.open("link", "Account", "Shift+Tab")
    keys.skip()
    keys.open("link", "Password")
    keys.skip()
    keys.fill("Current password", FIRST)
    keys.fill("New password", SECOND)
    keys.open("button", "Change password")
    assert has_focus(keys.page.get_by_role("status"))


def add_second_factor(keys: Keyboard) -> str:
    """Set up two-factor authentication, sign out, and return a recovery code."""
    page = keys.page
    keys.open("link", "Two-factor authentication", "Shift+Tab")
    keys.skip()
    keys.open("link", "Set up")
    keys.skip()
    keys.open("button", "Continue")
    keys.fill("Code", one_time_code(page.locator("main p code").first.inner_text()))
    keys.follow()
    code = page.locator("main li code").first.inner_text()
    keys.to("button", "Sign out", "Shift+Tab")
    keys.follow("Space")
    return code


def test_admin_day_by_keyboard(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        keys, page = Keyboard(window.page), window.page
        window.open("/login")
        sign_in(keys, *server.credentials())
        keys.to("link", "Skip to content")
        keys.open("link", "Admin")
        keys.to("link", "Skip to content")
        keys.open("link", "Makers")

        create_maker(keys, server)
        search_and_filter(keys)
        delete_makers(keys)
        import_makers(keys, server)

        keys.open("link", "Events", "Shift+Tab")
        keys.skip()
        keys.tab_to(page.locator("tr[data-sa-pk]"))
        keys.follow()
        keys.to("link", "Skip to content")
        keys.open("button", "Sign out")
        assert page.url.startswith(f"{server.address}/login")


def create_maker(keys: Keyboard, server: Server) -> None:
    """Create a maker with a song, then edit it."""
    page, email = keys.page, server.credentials()[0]
    keys.skip()
    keys.open("link", "New Maker")
    keys.skip()
    keys.fill("Name", "By keyboard")
    keys.tab_to(page.locator(".select2-selection[aria-labelledby*=owner]"))
    keys.press("Enter")
    page.keyboard.type(email[:5])
    page.locator(".select2-results__option--highlighted", has_text=email).wait_for()
    keys.press("Enter")
    assert has_focus(page.locator(".select2-selection[aria-labelledby*=owner]"))
    keys.to("button", "Add another song")
    keys.press("Enter")
    keys.fill("Title", "The first song")
    keys.open("button", "Save")
    keys.skip()
    keys.tab_to(page.locator("tr", has_text="By keyboard"))
    keys.follow()
    assert page.locator("main, [role=main]").get_by_text("The first song").is_visible()
    keys.skip()
    keys.open("link", "Edit")
    keys.skip()
    keys.fill("Name", "Changed by keyboard")
    keys.open("button", "Save")


def search_and_filter(keys: Keyboard) -> None:
    """Search, filter and sort the list of makers."""
    page = keys.page
    keys.open("link", "Makers", "Shift+Tab")
    keys.skip()
    keys.to("searchbox", "Search in list")
    page.keyboard.type("keyboard")
    keys.follow()
    keys.skip()
    keys.to("button", "Filters")
    keys.press("Enter")
    keys.to("combobox", "Field")
    page.keyboard.type("Name")
    keys.to("textbox", "Value")
    page.keyboard.type("Changed")
    keys.open("button", "Apply filters")
    found = page.locator("tr[data-sa-pk]").all_inner_texts()
    assert found
    assert all("Changed by keyboard" in row for row in found)
    keys.skip()
    keys.open("link", "Created at")


def delete_makers(keys: Keyboard) -> None:
    """Select all rows found and delete them, after a first look at the dialog."""
    page, dialog = keys.page, keys.page.get_by_role("dialog")
    keys.skip()
    keys.to("checkbox", "Select all rows")
    keys.press("Space")
    selected = page.get_by_role("button", name="With selected")
    keys.tab_to(selected)
    keys.press("Enter", "ArrowDown")
    keys.press("Enter")
    wait_for_focus(dialog)
    keys.press("Escape")
    dialog.wait_for(state="hidden")
    wait_for_focus(selected)
    keys.press("Enter", "ArrowDown", "Enter")
    wait_for_focus(dialog)
    keys.tab_to(dialog.get_by_role("button", name="Delete"))
    keys.follow()
    assert page.locator("tr", has_text="Changed by keyboard").count() == 0


def import_makers(keys: Keyboard, server: Server) -> None:
    """Import a file with one maker."""
    page, dialog = keys.page, keys.page.get_by_role("dialog")
    page.on("filechooser", lambda _: None)  # Chromium reports choosers only while someone listens
    keys.skip()
    keys.to("button", "Import")
    keys.press("Enter")
    wait_for_focus(dialog)
    keys.tab_to(dialog.get_by_label("CSV file"))
    with page.expect_file_chooser() as chooser:
        keys.press("Enter")
    file = f"name,owner\r\nImported by keyboard,{server.credentials()[0]}\r\n".encode()
    chooser.value.set_files({"name": "makers.csv", "mimeType": "text/csv", "buffer": file})
    keys.tab_to(dialog.get_by_role("button", name="Preview"))
    keys.press("Enter")
    keys.tab_to(dialog.get_by_role("button", name="Import 1 row"))
    keys.press("Enter")
    keys.tab_to(dialog.get_by_role("button", name="Done"))
    keys.follow()


def sign_in(keys: Keyboard, email: str, password: str) -> None:
    """Sign in on the page with the form, whose first field has the focus."""
    keys.type(email)
    keys.fill("Password", password)
    keys.follow()


def open_mail(keys: Keyboard, subject: str) -> None:
    """Open the mailbox from the footer, wait for an email, and follow its link."""
    page = keys.page
    keys.skip()
    keys.open("link", "Development: emails")
    mail = page.locator("main li", has_text=ADDRESS).get_by_role("link", name=subject)
    for _ in range(100):
        if mail.count():
            break
        page.wait_for_timeout(100)
        page.reload()
    keys.skip()
    keys.tab_to(mail)
    keys.follow()
    keys.skip()
    keys.tab_to(page.locator(".panel a"))
    keys.follow()


def wait_for_focus(target: Locator) -> None:
    """Wait until an element that moves in has the focus."""
    target.and_(target.page.locator(":focus")).wait_for()
