"""Screenshots of all pages of a generated project, at five widths, light and dark.

    python3 fireup.py prove screenshots FOLDER [--widths N ...] [--schemes NAME ...] [--pages ...]

The project has resources of each access, with fields of each type, and rows, users and events of
the last month. FOLDER/index.html shows the pictures of each page beside each other. Fails if a page
is wider than the window, moves while it loads, writes to the console or loads something from
another host.
"""

import argparse
import html
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

import fireup
from proofs.states import STATES, Act, prepare
from tests.every_field_type import RESOURCES
from tests.life import Person
from tests.serving import Server, Visitor, run_dev, run_in, serving
from tests.windows import FLAGS, Scheme, Visit

WIDTHS = (320, 390, 768, 1280, 1920)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
HEIGHT = {320: 640, 390: 844, 768: 1024, 1280: 800, 1920: 1080}
ALLOWED_SHIFT = 0.01
"""The layout shift that no one sees; 0.1 counts as good (https://web.dev/articles/cls)."""
SCREENSHOT_TIMEOUT = 120_000  # ms; the API reference is 40,000 pixels high
WINDOWS = (("visitor",), ("user", "admin"), ("member",), ("german",))
"""Who opens pages in a window of their own; an admin is a user, too."""
DESCRIPTION = "Plants, their makers, and what to do with them this week."

VISITOR = {
    "home": "/",
    "login": "/login",
    "signup": "/signup",
    "signup-sent": "/signup/sent",
    "password-forgot": "/password/forgot",
    "password-sent": "/password/sent",
    "articles": "/articles",
    "article": "/articles/{article}",
    "not-found": "/nowhere",
    "api-docs": "/docs",
    "redoc": "/redoc",
    "mailbox": "/dev/mail",
    "mail": "/dev/mail/{mail}",
    "mail-html": "/dev/mail/{mail}/html",
}
USER = {
    "home-signed-in": "/",
    "notes": "/notes",
    "notes-searched": "/notes?q=nothing+has+these+words",
    "notes-new": "/notes/new",
    "note": "/notes/{note}",
    "note-edit": "/notes/{note}/edit",
    "things": "/things",
    "things-new": "/things/new",
    "thing": "/things/{thing}",
    "thing-edit": "/things/{thing}/edit",
    "labels": "/labels",
    "remarks": "/remarks",
    "account": "/account",
    "account-password": "/account/password",
    "account-email": "/account/email",
    "account-second-factor": "/account/second-factor",
    "account-api-keys": "/account/api-keys",
    "account-api-keys-new": "/account/api-keys/new",
    "account-sessions": "/account/sessions",
    "account-activity": "/account/activity",
    "account-data": "/account/data",
    "account-delete": "/account/delete",
    "reauth": "/reauth",
}
ADMIN = {
    "dashboard": "/admin/",
    "admin-users": "/admin/user/list",
    "admin-user": "/admin/user/detail?pk={user}",
    "admin-user-edit": "/admin/user/edit?pk={user}",
    "admin-roles": "/admin/role/list",
    "admin-role-create": "/admin/role/create",
    "admin-sessions": "/admin/session/list",
    "admin-events": "/admin/event/list",
    "admin-mails": "/admin/mail/list",
    "admin-notes": "/admin/note/list",
    "admin-notes-none": "/admin/note/list?q=nothing+has+these+words",
    "admin-things": "/admin/thing/list",
    "admin-thing": "/admin/thing/detail?pk={thing}",
    "admin-thing-create": "/admin/thing/create",
    "admin-thing-edit": "/admin/thing/edit?pk={thing}",
    "admin-maker": "/admin/maker/detail?pk={maker}",
    "admin-makers": "/admin/maker/list",
    "admin-articles": "/admin/article/list",
    "admin-grants": "/admin/grant/list",
    "admin-not-found": "/admin/nowhere",
}
# The browser logs them in its console. The blocked script is the one that measures layout shifts.
_EXPECTED = re.compile(
    r"status of 4\d\d|/broken.*: .*status of 500|Blocked script execution in '\S*/dev/mail/"
)


@dataclass
class Rows:
    """What the paths of pages refer to."""

    keys: dict[str, str] = field(default_factory=dict)

    def path(self, template: str) -> str:
        """Fill in a path."""
        return template.format_map(self.keys)


def create_rows(server: Server, project: Path) -> Rows:
    """Create rows of all resources, a month of history, and an email."""
    past = [".venv/bin/python", str(fireup.TEMPLATE / "tests" / "past.py")]
    done = run_in(project, past)
    assert done.returncode == 0, done.stdout
    client, (email, password) = Visitor(server.address), server.credentials()
    signed_in = client.post_json("/api/v1/auth/login", {"email": email, "password": password})
    token = signed_in.body["access_token"]

    def create(path: str, body: Mapping[str, object]) -> str:
        made = client.post_json(f"/api/v1/{path}", body, token)
        assert made.status == 201, made.text
        return str(made.body["id"])

    rows = Rows()
    rows.keys["user"] = str(client.get("/api/v1/users/me", token).body["id"])
    labels = [create("labels", {"name": name}) for name in ("Urgent", "For Saturday", "Garden")]
    makers = [create("makers", {"name": name}) for name in ("Ada Lovelace", "Grace Hopper")]
    for number in range(28):
        title = _TITLES[number] if number < len(_TITLES) else f"Things to do, part {number}"
        rows.keys["note"] = create("notes", {"title": title, "body": _BODY})
        maker = makers[number % 2]
        rows.keys["thing"] = create("things", _thing(number, maker, labels))
    rows.keys["maker"] = makers[0]
    article = create("articles", {"title": "Tea and coffee"})
    for title in _TITLES[:5]:
        rows.keys["article"] = create("articles", {"title": title, "above_id": article})
    for body in _TITLES:
        create("remarks", {"body": body, "article_id": article})
    for number, name in enumerate(("read-all", "write-some", "sign-off")):
        create("grants", {"name": name, "level": number})
    client.post_json("/api/v1/auth/register", {"email": "eve@example.com", "password": _PASSWORD})
    rows.keys["mail"] = _wait_for_mail(client)
    return rows


_PASSWORD = "an old bicycle in the rain, 1971"  # noqa: S105 - of a user in a folder for an hour
_BODY = "Bread, butter, two bottles of milk.\nAsk Bob about the cake."
_TITLES = (
    "Shopping for Saturday",
    "Ideas for the garden",
    "What to read next",
    "A-title-without-a-space-which-no-line-of-a-phone-can-hold-is-broken",
    "Gift list",
    "Move the roses to the south wall, and build a bench of the old oak",
    "Zürich, Ὀδυσσεύς, 東京",
)


def _thing(number: int, maker: str, labels: list[str]) -> dict[str, object]:
    moment = datetime.now(UTC) - timedelta(hours=7 * number)
    return {
        "name": f"Thing {number + 1}",
        "body": _BODY,
        "slug": f"thing-{number + 1}",
        "mail": "ada@example.com",
        "phone": "+41446681800",
        "site": "https://example.com/a/page",
        "count": 3 + 977 * number,
        "big": 10**6 * number,
        "ratio": 0.25 * number,
        "price": f"{9 + 31 * number}.50",
        "open": number % 3 != 0,
        "day": moment.date().isoformat(),
        "moment": moment.isoformat(),
        "hour": "09:30:00",
        "span": "PT1H30M",
        "code": "018f4d3e-7c1a-7b7a-9d55-0a8d6f2b9c11",
        "state": "draft" if number % 4 else "live",
        "words": ["evergreen", "easy"],
        "facts": {"pot": {"clay": True, "size": [12, 14]}},
        "maker_id": maker if number % 5 else None,
        "label_ids": labels[: number % 3 + 1],
    }


def _wait_for_mail(client: Visitor) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := re.search(r'/dev/mail/([^"/]+)"', client.get("/dev/mail").text):
            return found[1]
        time.sleep(0.2)
    message = "no email arrived"
    raise AssertionError(message)


@contextmanager
def window(
    browser: Browser, server: Server, width: int, scheme: Scheme, who: str
) -> Iterator[Visit]:
    """Open a window in which the scripts run, but nothing fades.

    A member signs up in it; all others but a visitor sign in as the admin, and read German if so.
    """
    size = {"width": width, "height": HEIGHT.get(width, 800)}
    context = browser.new_context(
        viewport={"width": width, "height": size["height"]},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    context.add_init_script(_WATCH_SHIFTS)
    visit = Visit(context.new_page(), server.address)
    try:
        if who == "member":
            address = f"member-{width}-{scheme}@example.com"
            member = Person(visit, server.log.parent / "green_house" / "mail", address)
            member.sign_up()
            member.sign_in()
        elif who != "visitor":
            visit.open("/login")
            visit.sign_in(server)
        if who == "german":
            visit.page.set_extra_http_headers({"Accept-Language": "de"})
        yield visit
    finally:
        context.close()


_WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


def moves_while_loading(page: Page, attempts: int = 3) -> bool:
    """Return whether the page moves each time it is loaded: busy machines may paint a part."""
    for attempt in range(attempts):
        if attempt:
            page.reload()
            page.wait_for_load_state("networkidle")
        if page.evaluate("window.shifted") <= ALLOWED_SHIFT:
            return False
    return True


def take(visit: Visit, path: str, act: Act | None, picture: Path) -> None:
    """Open a page, check it, and take a picture of its whole height."""
    visit.page.goto(visit.address + path)
    visit.page.wait_for_load_state("networkidle")
    if act is None and moves_while_loading(visit.page):
        visit.complaints.append(f"{path} moves while it loads")
    if act:
        act(visit.page)
    visit.look()
    visit.page.screenshot(path=picture, full_page=True, timeout=SCREENSHOT_TIMEOUT)


def photograph(  # noqa: PLR0913, PLR0917
    browser: Browser,
    server: Server,
    rows: Rows,
    folder: Path,
    sizes: list[tuple[int, Scheme]],
    only: set[str],
) -> list[str]:
    """Take the pictures and return what was wrong on the pages."""
    everyone: dict[str, tuple[str, str, Act | None]] = {
        **{name: ("visitor", path, None) for name, path in VISITOR.items()},
        **{name: ("user", path, None) for name, path in USER.items()},
        **{name: ("admin", path, None) for name, path in ADMIN.items()},
        **STATES,
    }
    chosen = {name: page for name, page in everyone.items() if not only or name in only}
    faults: list[str] = []
    for number, (width, scheme) in enumerate(sizes, start=1):
        print(f"{number} of {len(sizes)}: {width} px, {scheme}", flush=True)
        for whose in WINDOWS:
            theirs = {name: page for name, page in chosen.items() if page[0] in whose}
            if not theirs:
                continue
            with window(browser, server, width, scheme, whose[0]) as visit:
                for name, (_, path, act) in theirs.items():
                    take(visit, rows.path(path), act, folder / f"{name}--{width}-{scheme}.png")
                said = [one for one in visit.complaints if not _EXPECTED.search(one)]
                faults += [f"{width} px, {scheme}: {one}" for one in said]
    write_index(folder, list(chosen), sizes)
    return faults


def write_index(folder: Path, names: list[str], sizes: list[tuple[int, Scheme]]) -> None:
    """Write a page that shows the pictures of each page beside each other."""
    parts = ["<!doctype html><meta charset=utf-8><title>Screenshots</title>"]
    for name in names:
        parts.append(f"<h2>{html.escape(name)}</h2><p>")
        for width, scheme in sizes:
            file = f"{name}--{width}-{scheme}.png"
            parts.append(f'<a href="{file}"><img src="{file}" alt="{file}" width={width // 4}></a>')
    (folder / "index.html").write_text("\n".join(parts), encoding="utf-8")


def main() -> None:
    """Take the pictures; exit with 1 if something was wrong on a page."""
    parser = argparse.ArgumentParser(prog="python3 fireup.py prove screenshots")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    parser.add_argument("--schemes", choices=SCHEMES, nargs="+", default=SCHEMES)
    parser.add_argument("--pages", nargs="+", default=[], help="their names, as in the file names")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screenshots-") as scratch:
        project = fireup.generate(Path(scratch, "green_house"), {"description": DESCRIPTION})
        for resource in RESOURCES:
            run_dev(project, "app", "new", "resource", *resource)
        prepare(project)
        found = shutil.which("chromium") or shutil.which("google-chrome")
        with serving(project, Path(scratch, "log")) as server, sync_playwright() as playwright:
            rows = create_rows(server, project)
            browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
            sizes = [(width, scheme) for scheme in options.schemes for width in options.widths]
            faults = photograph(browser, server, rows, options.folder, sizes, set(options.pages))
            browser.close()
    for fault in faults:
        print(fault)
    print(f"{len(list(options.folder.glob('*.png')))} pictures: {options.folder / 'index.html'}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
