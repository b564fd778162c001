"""The design of the pages (docs/design.md), measured in a browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import fireup
from tests.baking import PROJECT, Bake
from tests.life import Person
from tests.serving import Server, environment, run_in, serving
from tests.windows import DESKTOP, PHONE, Visit, visit

ACCENT = "rgb(11, 95, 185)"
EVENT = [
    "Event",
    "title:str=80",
    "starts_at:datetime",
    "seats:int",
    "day:date",
    "isbn:str=20:optional",
]


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """Generate a project, and change the line of its accent color."""
    project = bake()
    theme = project / "app" / "theme.css"
    changed, number = re.subn(
        r"--accent: light-dark\(#\w+, (#\w+)\);",
        r"--accent: light-dark(#0b5fb9, \1);",
        theme.read_text(encoding="utf-8"),
    )
    assert number == 1
    theme.write_text(changed, encoding="utf-8")
    python = fireup.install(PROJECT / "requirements-dev.txt")
    command = [python, "-m", "app", "new", "resource", *EVENT]
    done = run_in(project, command, **environment(), SECRET_KEY="only files are written")  # noqa: S106
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture(scope="module")
def server(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve it."""
    with serving(project, tmp_path_factory.mktemp("log") / "server.txt") as server:
        yield server


def test_one_line_changes_the_accent_everywhere(
    chromium: Browser, server: Server, project: Path
) -> None:
    email, _ = server.credentials()
    with visit(chromium, server) as window:
        page = window.page
        window.open("/login")
        seen = {"page": _background(page, "main button.primary")}
        window.open("/docs")
        seen["docs"] = page.locator(".btn.authorize").first.evaluate(
            "it => getComputedStyle(it).color"
        )
        icon = page.request.get(f"{server.address}/static/icon.svg").text()
        seen["icon"] = ACCENT if 'fill="#0b5fb9"' in icon else icon

        window.open("/password/forgot")
        page.get_by_label("Email address").fill(email)
        page.get_by_role("main").get_by_role("button").click()
        Person(window, project / "mail", email).link("password")
        (mail,) = (project / "mail").glob("*.eml")
        html = mail.read_text(encoding="utf-8").replace("=\n", "").replace("=3D", "=")
        seen["mail"] = ACCENT if "background-color: #0b5fb9" in html else html

        window.open("/login")
        window.sign_in(server)
        window.open("/admin/note/list")
        seen["admin"] = _background(page, ".btn-primary")

    assert seen == dict.fromkeys(["page", "docs", "icon", "mail", "admin"], ACCENT)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_headings_start_at_one_edge_in_the_first_screen(
    chromium: Browser, server: Server, size: tuple[int, int]
) -> None:
    with visit(chromium, server, size) as window:
        edges = {path: _heading_edges(window, path) for path in ("/", "/login", "/signup", "/docs")}
        window.open("/login")
        window.sign_in(server)
        paths = ["/", "/notes", "/notes/new", "/account", "/account/api-keys", "/dev/mail"]
        edges |= {f"{path} signed in": _heading_edges(window, path) for path in paths}

    assert {left for left, _ in edges.values()} == {edges["/"][0]}, edges
    assert max(top for _, top in edges.values()) < size[1] / 3, edges


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_phones_have_a_menu(chromium: Browser, server: Server, *, scripts: bool) -> None:
    with visit(chromium, server, PHONE, scripts=scripts) as window:
        window.open("/login")
        window.sign_in(server)
        window.open("/account")
        link = window.page.get_by_role("link", name="Notes", exact=True)
        assert not link.is_visible()
        window.open_menu()
        window.look()
        link.click()
        window.page.wait_for_url(f"{server.address}/notes")
        assert not link.is_visible()
        window.sign_out()


@pytest.mark.parametrize("width", [320, 768, 1280, 1920])
@pytest.mark.parametrize("path", ["/", "/login", "/docs", "/nowhere"])
def test_no_page_is_wider_than_the_window(
    chromium: Browser, server: Server, path: str, width: int
) -> None:
    with visit(chromium, server, (width, 700)) as window:
        if path == "/nowhere":
            window.page.goto(server.address + path)
            window.look()
            window.complaints = [text for text in window.complaints if "status of 404" not in text]
        else:
            window.open(path)


def test_lists_are_tables_and_on_phones_cards(chromium: Browser, server: Server) -> None:
    shown = []
    for size in (DESKTOP, PHONE):
        with visit(chromium, server, size) as window:
            window.open("/login")
            window.sign_in(server)
            window.open("/notes/new")
            window.page.get_by_label("Title").fill(f"On a screen of {size[0]} px")
            window.press("Save note")
            window.open("/notes?q=screen")
            window.page.get_by_role("link", name="Remove Search: screen").wait_for()
            shown.append(window.page.locator(".list thead").is_visible())
            window.page.get_by_text("just now").or_(
                window.page.get_by_text("minute ago")
            ).first.wait_for()
            window.follow("Clear")
            assert window.page.url == f"{server.address}/notes"

    assert shown == [True, False]


def test_times_are_in_the_time_zone_of_the_browser(chromium: Browser, server: Server) -> None:
    seen = {}
    for zone in ("Pacific/Kiritimati", "Pacific/Honolulu"):
        context = chromium.new_context(timezone_id=zone, locale="en-US")
        window = Visit(context.new_page(), server.address)
        window.open("/login")
        window.sign_in(server)
        window.open("/account/activity")
        seen[zone] = window.page.locator("time").last.inner_text()
        context.close()
    without = chromium.new_context(java_script_enabled=False)
    window = Visit(without.new_page(), server.address)
    window.open("/login")
    window.sign_in(server)
    window.open("/account/activity")
    seen["none"] = window.page.locator("time").last.inner_text()
    without.close()

    assert len(set(seen.values())) == 3, seen  # the same moment, 24 hours apart
    assert seen["none"].endswith(" UTC")


def test_times_are_entered_in_the_time_zone_of_the_browser(
    chromium: Browser, server: Server
) -> None:
    """Half an hour off UTC; what is not touched stays as it was."""
    entered = {"with": "2026-07-01T09:15", "without": "2026-07-01T03:45"}
    for scripts, value in entered.items():
        context = chromium.new_context(
            timezone_id="Asia/Kolkata", java_script_enabled=scripts == "with"
        )
        window = Visit(context.new_page(), server.address)
        window.open("/login")
        window.sign_in(server)
        if scripts == "with":
            window.open("/events/new")
            window.page.get_by_label("Title").fill("A talk")
            window.page.get_by_label("Starts at").fill(value)
            window.page.get_by_label("Seats").fill("40")
            window.page.get_by_label("Day").fill("2026-07-01")
            window.press("Save event")
            assert "9:15" in window.page.locator("main").inner_text()
        window.open("/events")
        window.follow("A talk")
        for _ in range(2):
            window.follow("Edit")
            assert window.page.get_by_label("Starts at").input_value() == value
            window.page.get_by_label("Starts at").press("End")
            window.page.reload()  # browsers restore what was in the fields
            assert window.page.get_by_label("Starts at").input_value() == value
            window.press("Save")
        context.close()


def test_errors_link_to_the_fields(chromium: Browser, server: Server) -> None:
    with visit(chromium, server, PHONE) as window:
        window.open("/login")
        window.sign_in(server)
        window.open("/events/new")
        window.page.locator("form[action$='/events/new']").evaluate("it => it.noValidate = true")
        window.press("Save event")
        window.complaints.clear()  # the browser logs the 422 in its console
        summary = window.page.get_by_role("alert")
        assert "these 4 errors" in summary.inner_text()
        summary.get_by_role("link", name="Seats: ").click()
        assert window.page.get_by_label("Seats").evaluate("it => it === document.activeElement")
        assert window.page.get_by_text("ISBN (optional)").is_visible()


def test_short_fields_are_beside_each_other_and_saving_stays_in_sight(
    chromium: Browser, server: Server
) -> None:
    beside = []
    for size in ((1280, 500), (390, 500)):
        with visit(chromium, server, size) as window:
            window.open("/login")
            window.sign_in(server)
            window.open("/events/new")
            edges = [
                window.page.get_by_label(label).evaluate("it => it.getBoundingClientRect().bottom")
                for label in ("Seats", "Starts at")
            ]
            beside.append(abs(edges[0] - edges[1]) < 1)
            save = window.page.get_by_role("button", name="Save event").bounding_box()
            assert save
            assert save["y"] + save["height"] <= size[1]

    assert beside == [True, False]


def test_lists_do_not_move_while_they_load(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        window.page.add_init_script(
            "window.moved = 0; new PerformanceObserver(list => {"
            " for (const entry of list.getEntries()) window.moved += entry.value;"
            "}).observe({type: 'layout-shift', buffered: true})"
        )
        window.open("/login")
        window.sign_in(server)
        window.open("/notes")
        window.page.wait_for_load_state("networkidle")
        assert window.page.evaluate("window.moved") < 0.01


def _heading_edges(window: Visit, path: str) -> tuple[float, float]:
    """Return where the heading of a page starts, from the left and from the top."""
    window.open(path)
    found = window.page.locator("h1").first.evaluate(
        "it => [it.getBoundingClientRect().left, it.getBoundingClientRect().top]"
    )
    return (found[0], found[1])


def _background(page: Page, selector: str) -> str:
    found = page.locator(selector).first.evaluate("it => getComputedStyle(it).backgroundColor")
    return str(found)
