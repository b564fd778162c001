"""A person at a keyboard without a mouse, in a browser."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page

from tests.page_faults import look

MOST_STOPS = 80
"""How often someone presses Tab for one step; a page where it takes more is a trap."""


@dataclass
class Keyboard:
    """Presses keys, and checks each element that gets the focus by Tab."""

    page: Page

    def press(self, *keys: str) -> None:
        """Press keys."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Replace the text of the focused field."""
        self.press("Control+A")
        self.page.keyboard.type(text)

    def follow(self, key: str = "Enter") -> None:
        """Press a key that leads to another page."""
        with self.page.expect_navigation():
            self.press(key)

    def tab_to(self, target: Locator, key: str = "Tab") -> None:
        """Press Tab until the element has the focus."""
        target.first.wait_for(state="attached")
        for _ in range(MOST_STOPS):
            self.press(key)
            faults = look(self.page, "focus")
            assert faults == [], f"{self.page.url}: {faults}"
            if has_focus(target):
                return
        message = f"{self.page.url}: Tab doesn't lead to {target}"
        raise AssertionError(message)

    def to(self, role: str, name: str, key: str = "Tab") -> None:
        """Press Tab until the element with this role and name has the focus."""
        self.tab_to(self.page.get_by_role(role, name=name, exact=True), key)  # type: ignore[arg-type]  # a Literal

    def open(self, role: str, name: str, key: str = "Tab") -> None:
        """Go to a link or button that leads to another page, and press Enter."""
        self.to(role, name, key)
        self.follow()

    def fill(self, label: str, text: str) -> None:
        """Go to a text field, and type."""
        self.tab_to(self.page.get_by_label(label, exact=True))
        self.type(text)

    def skip(self) -> None:
        """Skip the navigation of a page that was just opened, unless a field has the focus."""
        if has_focus(self.page.locator("body")):
            self.to("link", "Skip to content")
            self.press("Enter")
            assert has_focus(self.page.get_by_role("main"))


def has_focus(target: Locator) -> bool:
    """Return whether one of the elements has the focus."""
    found: bool = target.evaluate_all("all => all.includes(document.activeElement)")
    return found
