"""Windows of a real browser, and what is wrong with what they show."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from tests.serving import Server

Scheme = Literal["light", "dark"]

DESKTOP, PHONE = (1280, 800), (390, 844)

HIDE = """hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""
"""Hides or shows a page, as changing tabs does."""

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


@dataclass
class Visit:
    """A browser window, and what was wrong in it."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    thorough: bool = False
    """Whether every page is looked at for what keeps people out."""

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
        """Note whether the page is wider than the window, and who cannot use it."""
        if wider := self.page.evaluate("document.documentElement.scrollWidth - innerWidth"):
            self.complaints.append(f"{self.page.url} is {wider} pixels too wide")
        if self.thorough and (found := inaccessible(self.page)):
            self.complaints.append(f"{self.page.url}: {found}")

    def open_menu(self) -> None:
        """Open the menu, if the window is too narrow to show its links."""
        if (menu := self.page.get_by_text("Menu", exact=True)).is_visible():
            menu.click()

    def sign_out(self) -> None:
        """Press the button in the menu."""
        self.open_menu()
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Sign out", exact=True).click()
        self.look()

    def sign_in(self, server: Server) -> None:
        """Fill in the form that is shown with what the first run printed."""
        email, password = server.credentials()
        self.page.get_by_label("Email address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.press("Sign in")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console of {self.page.url}: {message.text}")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "data:", "blob:")):
            self.complaints.append(f"asks another host: {request.url}")


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
        reduced_motion="reduce",  # colors are measured when nothing fades
        java_script_enabled=scripts,
    )
    visit = Visit(context.new_page(), server.address)
    try:
        yield visit
    finally:
        context.close()
    assert visit.complaints == [], "\n".join(visit.complaints)


def inaccessible(page: Page) -> str:
    """Return what axe-core finds serious or critical on the page."""
    found = Axe().run(page).response["violations"]
    return "; ".join(
        f"{rule['id']}: {[node['html'] for node in rule['nodes']]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
    )
