"""A real browser walks through a generated project: on phone and desktop, light and dark.

The pictures of the documentation are taken here, and written anew by
`UPDATE_PICTURES=1 python3 fireup.py test tests/test_browser.py`. Otherwise only their size is
compared, for fonts differ between machines.
"""

import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.baking import TEMPLATE, Bake
from tests.serving import Server, serving

Scheme = Literal["light", "dark"]

PICTURES = TEMPLATE / "docs" / "images"
LARGEST_PICTURE_BYTES = 150_000
DESKTOP, PHONE = (1280, 800), (390, 844)

# A fresh profile, and nothing that asks for updates or needs a graphics card.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# ReDoc wants this picture; our policy refuses before anything is sent.
REFUSED = "https://cdn.redoc.ly/redoc/logo-mini.svg"

NOTES = {
    "Shopping for Saturday": "Bread, butter, two bottles of milk.\nAsk Bob about the cake.",
    "Ideas for the garden": "Move the roses to the south wall, and build a bench of the old oak.",
    "What to read next": "The book that Grace lent me, then the long one about rivers.",
}


@dataclass
class Visit:
    """A browser window, and what was wrong in it."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(15_000)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self._see)

    def open(self, path: str) -> None:
        """Go to a page of the project, which must be there."""
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"
        self.look()

    def press(self, name: str) -> None:
        """Press a button of the page, which sends a form."""
        button = self.page.get_by_role("main").get_by_role("button", name=name, exact=True)
        with self.page.expect_navigation():
            button.click()
        self.look()

    def follow(self, name: str) -> None:
        """Follow a link of the page."""
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name, exact=True).first.click()
        self.look()

    def look(self) -> None:
        """Note whether the page is wider than the window."""
        if wider := self.page.evaluate("document.documentElement.scrollWidth - innerWidth"):
            self.complaints.append(f"{self.page.url} is {wider} pixels too wide")

    def sign_in(self, server: Server) -> None:
        """Fill in the form that is shown with what the first run printed."""
        email, password = server.credentials()
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.press("Sign in")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console of {self.page.url}: {message.text}")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "data:", "blob:")):
            self.complaints.append(f"asks another host: {request.url}")


@pytest.fixture(scope="module")
def server(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the default project."""
    with serving(bake(), tmp_path_factory.mktemp("log") / "server.txt") as server:
        yield server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine; where CI says that all must run, it must be there."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def visit(
    browser: Browser,
    server: Server,
    size: tuple[int, int] = DESKTOP,
    scheme: Scheme = "light",
    *,
    scripts: bool = True,
) -> Iterator[Visit]:
    """Open a window with cookies of its own, and complain in the end about all that was wrong."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        java_script_enabled=scripts,
    )
    visit = Visit(context.new_page(), server.address)
    try:
        yield visit
    finally:
        context.close()
    assert visit.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everything_works_without_javascript(
    chromium: Browser, server: Server, size: tuple[int, int], scheme: Scheme
) -> None:
    with visit(chromium, server, size, scheme, scripts=False) as window:
        window.open("/")
        window.follow("Notes")
        window.sign_in(server)
        assert window.page.url == f"{server.address}/notes"

        window.follow("New note")
        window.page.get_by_label("Title").fill("Written without scripts")
        window.page.get_by_label("Text").fill("First\nSecond")
        window.press("Save note")
        window.follow("Edit")
        window.page.get_by_label("Title").fill("Changed without scripts")
        window.press("Save")
        assert window.page.get_by_role("heading", level=1).inner_text() == "Changed without scripts"
        window.page.get_by_text("Delete…").click()
        window.look()
        window.press("Delete for good")
        assert window.page.get_by_text("Changed without scripts").count() == 0

        window.follow("Account")
        window.press("Sign out")
        assert window.page.url == f"{server.address}/login"


def test_admin_is_reached_from_the_account(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        window.open("/login")
        window.sign_in(server)
        window.follow("Open the admin")
        assert window.page.url.startswith(f"{server.address}/admin")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_api_documentation_is_shown_under_its_policy(
    chromium: Browser, server: Server, path: str
) -> None:
    with visit(chromium, server) as window:
        window.open(path)
        window.page.get_by_text("/api/v1/notes/{note_id}").first.wait_for(state="attached")
        window.complaints = [wrong for wrong in window.complaints if REFUSED not in wrong]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(chromium: Browser, server: Server, scheme: Scheme) -> None:
    found: dict[str, str] = {}
    with visit(chromium, server, PHONE, scheme) as window:
        window.open("/login")
        found["/login"] = _inaccessible(window.page)
        window.sign_in(server)
        window.open("/notes/new")
        window.page.get_by_label("Title").fill(f"Seen in {scheme}")
        window.press("Save note")
        note = window.page.url.removeprefix(server.address)
        for path in (
            "/",
            "/notes",
            "/notes/new",
            note,
            f"{note}/edit",
            "/account",
            "/account?saved=yes",
        ):
            window.open(path)
            found[path] = _inaccessible(window.page)
        window.open(note)
        window.page.get_by_text("Delete…").click()
        found["delete"] = _inaccessible(window.page)
        window.press("Delete for good")

    assert {path: rules for path, rules in found.items() if rules} == {}


def test_pages_that_refuse_are_accessible(chromium: Browser, server: Server) -> None:
    with visit(chromium, server, PHONE) as window:
        window.page.goto(f"{server.address}/nowhere")
        missing = _inaccessible(window.page)
        window.page.goto(f"{server.address}/login")
        window.page.get_by_label("E-mail address").fill("nobody@example.com")
        window.page.get_by_label("Password").fill("wrong")
        window.press("Sign in")
        wrong = _inaccessible(window.page)
        # The browser itself says in its console that the status was 404, then 401.
        assert [
            complaint for complaint in window.complaints if "status of 40" not in complaint
        ] == []
        window.complaints.clear()

    assert (missing, wrong) == ("", "")


def test_keyboard_reaches_the_content_first_and_shows_where_it_is(
    chromium: Browser, server: Server
) -> None:
    with visit(chromium, server) as window:
        window.open("/")
        window.page.keyboard.press("Tab")
        skip = window.page.get_by_role("link", name="Skip to the content")
        assert skip.evaluate("link => link === document.activeElement")
        assert skip.evaluate("link => link.getBoundingClientRect().top >= 0")
        assert skip.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"


def test_pictures_of_the_documentation(chromium: Browser, server: Server, tmp_path: Path) -> None:
    with visit(chromium, server) as window:
        window.open("/login")
        window.sign_in(server)
        for title, body in NOTES.items():
            window.open("/notes/new")
            window.page.get_by_label("Title").fill(title)
            window.page.get_by_label("Text").fill(body)
            window.press("Save note")
        for name, path in {"home": "/", "notes": "/notes", "admin": "/admin/note/list"}.items():
            window.open(path)
            window.page.wait_for_load_state("networkidle")
            window.page.screenshot(path=tmp_path / f"{name}.png")

    for new in sorted(tmp_path.glob("*.png")):
        kept = PICTURES / new.name
        if os.environ.get("UPDATE_PICTURES"):
            shutil.copy(new, kept)
        assert kept.is_file(), f"run this with UPDATE_PICTURES=1: {kept} is missing"
        assert _size_of(kept) == _size_of(new)
        assert kept.stat().st_size < LARGEST_PICTURE_BYTES


def _inaccessible(page: Page) -> str:
    """Return what axe-core finds serious or critical on the page."""
    found = Axe().run(page).response["violations"]
    return "; ".join(
        f"{rule['id']}: {[node['html'] for node in rule['nodes']]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
    )


def _size_of(picture: Path) -> tuple[int, int]:
    """Read width and height of a PNG file."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height
