"""What keeps people out of a page: names, structure, zoom, direction, forced colors and motion."""

import re
from collections import Counter
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_CONTROL = "button|checkbox|combobox|link|radio|searchbox|slider|spinbutton|switch|tab|textbox"
_UNNAMED = re.compile(rf"^\s*- (?:{_CONTROL}|dialog|img|navigation)(?: \[.*|:.*|)$", re.MULTILINE)
# Select2 has a text box "Search…" in each picker, which has a name of its own.
_FIELD = re.compile(r"- ((?:checkbox|combobox|searchbox|spinbutton|textbox) \"(?!Search…\").*?\")")

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def look(page: Page, function: str) -> list[str]:
    """Call a function of page_faults.js in the page, and return what is wrong."""
    faults: list[str] = page.evaluate(f"{_SCRIPT}.{function}()")
    return faults


def find_faults(page: Page) -> list[str]:
    """Return what axe-core, and a look at names and headings, find on the page as it is shown."""
    violations = Axe().run(page).response["violations"]
    faults = [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in violations]
    tree = page.locator("body").aria_snapshot()
    faults += [f"no name: {line.strip()}" for line in _UNNAMED.findall(tree)]
    twice = [name for name, number in Counter(_FIELD.findall(tree)).items() if number > 1]
    return [*faults, *(f"two fields {name}" for name in twice), *look(page, "structure")]


def find_faults_in_other_modes(page: Page) -> list[str]:
    """Return what is wrong in dark and forced colors, enlarged, and from right to left."""
    size, faults = page.viewport_size, look(page, "motion")
    assert size
    page.emulate_media(color_scheme="dark")
    dark = Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    faults += [f"dark: {[node['html'] for node in one['nodes']]}" for one in dark]
    page.emulate_media(color_scheme="light", forced_colors="active")
    faults += look(page, "unmarked")
    page.emulate_media(forced_colors="none")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    faults += [f"text of 200 %: {fault}" for fault in look(page, "cut")]
    page.evaluate("document.documentElement.style.fontSize = ''")
    for direction in ("ltr", "rtl"):
        page.evaluate("value => { document.documentElement.dir = value }", direction)
        page.set_viewport_size({"width": size["width"] // 2, "height": size["height"] // 2})
        faults += [f"zoomed, {direction}: {fault}" for fault in look(page, "cut")]
        page.set_viewport_size(size)
    return [*faults, *(f"rtl: {fault}" for fault in look(page, "cut"))]
