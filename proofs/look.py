"""Pairs of screenshots, before and after, for docs/look.md.

    python3 fireup.py prove look BEFORE AFTER FOLDER

BEFORE and AFTER are folders of `python3 fireup.py prove screenshots`, of an earlier and of this
version of the template. FOLDER gets a JPEG for each entry of PAIRS: before on the left.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from proofs.screenshots import HEIGHT
from tests.windows import FLAGS

PAIRS = {
    "admin-list": ("admin-things", 1280),
    "navigation": ("notes", 390),
    "account": ("account-password", 390),
    "list": ("notes", 1280),
    "home": ("home-signed-in", 1280),
    "rows": ("things", 1280),
    "menu": ("dashboard", 1280),
    "form": ("things-new", 1280),
    "admin-form": ("admin-thing-create-empty", 1280),
    "actions": ("admin-user", 1280),
    "empty": ("admin-notes-none", 1280),
    "log": ("admin-events", 1280),
    "api": ("api-docs", 1280),
    "record": ("thing", 1280),
    "mail": ("mail-html", 1280),
    "messages": ("note-deleted", 1280),
    "forbidden": ("forbidden", 1280),
    "broken": ("broken", 1280),
    "codes": ("codes", 1280),
    "key": ("key-new", 1280),
    "import": ("admin-import-preview", 1280),
    "inline": ("admin-maker-edit-wrong", 1280),
}
"""Name of the picture → page, and width of the window."""
SHOWN = {390: 240, 1280: 480}
"""Width of the window → width of one side of the picture."""
QUALITY = 70
PAIR = """<!doctype html>
<style>
  body {{ display: flex; gap: 8px; margin: 0; width: max-content; background: #999 }}
  div {{ width: {shown}px; height: {height}px; overflow: hidden; background: #fff }}
  img {{ width: 100% }}
</style>
<div><img src="{before}"></div><div><img src="{after}"></div>
"""


def draw(page: Page, before: Path, after: Path, width: int, target: Path) -> None:
    """Write the picture of a pair: what the windows show first."""
    shown = SHOWN[width]
    height = HEIGHT[width] * shown // width
    with tempfile.TemporaryDirectory(prefix="look-") as scratch:
        source = Path(scratch, "pair.html")
        text = PAIR.format(shown=shown, height=height, before=before.as_uri(), after=after.as_uri())
        source.write_text(text, encoding="utf-8")
        page.goto(source.as_uri())
        page.locator("body").screenshot(path=target, type="jpeg", quality=QUALITY)


def main() -> None:
    """Draw all pairs."""
    parser = argparse.ArgumentParser(prog="python3 fireup.py prove look")
    for name in ("before", "after", "folder"):
        parser.add_argument(name, type=lambda path: Path(path).resolve())
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    found = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        for name, (shown, width) in PAIRS.items():
            file = f"{shown}--{width}-light.png"
            target = options.folder / f"{name}.jpg"
            draw(page, options.before / file, options.after / file, width, target)
            print(f"{target}: {target.stat().st_size // 1000} kB")
        browser.close()


if __name__ == "__main__":
    main()
