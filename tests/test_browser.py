"""Browser tests of a generated project: phone and desktop, light and dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from proofs.screenshots import VISITOR, Rows, photograph
from tests.baking import Bake
from tests.life import Person
from tests.pictures import compare_pictures
from tests.serving import Server, serving
from tests.windows import DESKTOP, PHONE, Scheme, Visit, inaccessible, visit

PICTURED = {"home": "/", "account": "/account/sessions", "admin": "/admin/note/list"}
NOTES = {
    "Shopping for Saturday": "Bread, butter, two bottles of milk.\nAsk Bob about the cake.",
    "Ideas for the garden": "Move the roses to the south wall, and build a bench of the old oak.",
    "What to read next": "The book that Grace lent me, then the long one about rivers.",
}

SUBMIT_TWICE = """button => {
    const sent = [], busy = [], form = button.form;
    addEventListener("submit", event => sent.push(!event.defaultPrevented));
    for (const _ of [1, 2]) {
        button.click();
        busy.push(form.getAttribute("aria-busy"));
    }
    dispatchEvent(new PageTransitionEvent("pageshow"));  // as after the Back button
    busy.push(form.getAttribute("aria-busy"));
    return {sent, busy};
}"""

NOTE_FADING = """
addEventListener("pagereveal", ({ viewTransition }) => {
    window.faded = viewTransition ? viewTransition.finished.then(() => true, () => false) : false;
});
addEventListener("unhandledrejection", event => {
    if (event.reason?.name === "AbortError") event.preventDefault(); // a transition was skipped
});
"""


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """Generate the default project."""
    return bake()


@pytest.fixture(scope="module")
def server(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve it."""
    with serving(project, tmp_path_factory.mktemp("log") / "server.txt") as server:
        yield server


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everything_works_without_javascript(
    chromium: Browser, server: Server, size: tuple[int, int], scheme: Scheme
) -> None:
    with visit(chromium, server, size, scheme, scripts=False) as window:
        window.open("/")
        window.open("/notes")
        window.sign_in(server)
        assert window.page.url == f"{server.address}/notes"

        window.follow("New note")
        window.page.get_by_label("Title").fill("Written without scripts")
        window.page.get_by_label("Body").fill("First\nSecond")
        window.press("Save note")
        window.follow("Edit")
        window.page.get_by_label("Title").fill("Changed without scripts")
        window.press("Save")
        assert window.page.get_by_role("heading", level=1).inner_text() == "Changed without scripts"
        window.page.get_by_text("Delete…").click()
        window.look()
        window.press("Delete note")
        assert window.page.get_by_text("Changed without scripts").count() == 0

        window.sign_out()
        assert window.page.url == f"{server.address}/login"


@pytest.mark.parametrize(
    ("size", "scripts"),
    [pytest.param(DESKTOP, False, id="desktop"), pytest.param(PHONE, True, id="phone")],
)
def test_account_lifecycle_from_sign_up_to_deletion(
    chromium: Browser, server: Server, project: Path, size: tuple[int, int], *, scripts: bool
) -> None:
    """Behaviour 144."""
    address = f"grace-{size[0]}@example.com"
    with visit(chromium, server, size, scripts=scripts) as window:
        window.thorough = scripts  # checking the pages needs scripts
        grace = Person(window, project / "mail", address)
        grace.sign_up()
        grace.reset_password()
        grace.sign_in()
        grace.change_password()
        grace.add_second_factor()
        window.sign_out()
        grace.sign_in()
        with visit(chromium, server, size, scripts=scripts) as elsewhere:
            grace.end_others(Person(elsewhere, project / "mail", address))
        grace.change_email(f"hopper-{size[0]}@example.com")
        grace.download_data()
        grace.delete_account()


def test_account_links_to_the_admin(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        window.open("/login")
        window.sign_in(server)
        window.open("/account")
        window.follow("Open the admin")
        assert window.page.url.startswith(f"{server.address}/admin")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_api_docs_make_no_third_party_requests(
    chromium: Browser, server: Server, path: str
) -> None:
    with visit(chromium, server) as window:
        window.open(path)
        window.page.get_by_text("/api/v1/notes/{note_id}").first.wait_for(state="attached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_api_docs_are_authorized_with_one_click(
    chromium: Browser, server: Server, size: tuple[int, int], scheme: Scheme
) -> None:
    with visit(chromium, server, size, scheme) as window:
        window.open("/docs")
        background = window.page.locator("html").evaluate(
            "it => getComputedStyle(it).backgroundColor"
        )
        window.page.get_by_role("main").get_by_role("link", name="Sign in").click()
        window.sign_in(server)
        assert window.page.url == f"{server.address}/docs"
        window.page.get_by_text("/api/v1/notes/{note_id}").first.wait_for()
        window.page.get_by_role("button", name="Authorize as admin@example.com").click()
        window.page.get_by_text("Authorized for 10 minutes.").wait_for()
        route = window.page.locator("#operations-users-read_own_account")
        route.locator(".opblock-summary-control").click()
        route.get_by_role("button", name="Try it out").click()
        route.get_by_role("button", name="Execute").click()
        route.locator(".live-responses-table").get_by_text("admin@example.com").first.wait_for()
        window.look()
        window.page.locator(".brand").click()
        window.page.wait_for_url(f"{server.address}/")
        ground = window.page.locator("body").evaluate("it => getComputedStyle(it).backgroundColor")

    assert background == ground


def test_api_docs_accept_a_password_in_development(chromium: Browser, server: Server) -> None:
    email, password = server.credentials()
    with visit(chromium, server) as window:
        window.open("/docs")
        window.page.get_by_text("/api/v1/notes/{note_id}").first.wait_for()
        for entered, said in {"wrong": "Incorrect email", password: "Authorized for 10"}.items():
            window.page.get_by_label("Email", exact=True).fill(email)
            window.page.get_by_label("Password", exact=True).fill(entered)
            window.page.get_by_role("button", name="Authorize", exact=True).first.click()
            window.page.get_by_role("status").get_by_text(said).wait_for()
        # The browser logs the 401 in its console.
        assert all("status of 401" in complaint for complaint in window.complaints)
        window.complaints.clear()


def test_error_pages_are_accessible(chromium: Browser, server: Server) -> None:
    with visit(chromium, server, PHONE) as window:
        window.page.goto(f"{server.address}/nowhere")
        missing = inaccessible(window.page)
        window.page.goto(f"{server.address}/login")
        window.page.get_by_label("Email address").fill("nobody@example.com")
        window.page.get_by_label("Password").fill("wrong")
        window.press("Sign in")
        wrong = inaccessible(window.page)
        # The browser logs the 404 and the 401 in its console.
        assert [
            complaint for complaint in window.complaints if "status of 40" not in complaint
        ] == []
        window.complaints.clear()

    assert (missing, wrong) == ("", "")


def test_message_about_a_saved_form_gets_the_focus(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        window.open("/login")
        window.sign_in(server)
        for path, button, message in (
            ("/notes/new", "Save note", "Note created."),
            ("", "Delete note", "Note deleted."),
        ):
            if path:
                window.open(path)
                window.page.get_by_label("Title").fill("Seen and heard")
            else:
                window.page.get_by_text("Delete…").click()
            window.press(button)
            focused = window.page.locator(":focus")
            assert (focused.inner_text(), focused.get_attribute("role")) == (message, "status")
        window.sign_out()  # the message doesn't take the focus from a field
        assert window.page.locator(":focus").get_attribute("name") == "email"


def test_form_is_sent_once_and_released(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        window.open("/login")
        window.sign_in(server)
        window.open("/notes/new")
        window.page.get_by_label("Title").fill("Sent once")
        button = window.page.get_by_role("button", name="Save note")
        found = button.evaluate(SUBMIT_TWICE)
        window.page.wait_for_url(f"{server.address}/notes/*-*")

    assert found == {"sent": [True, False], "busy": ["true", "true", None]}


@pytest.mark.parametrize(("motion", "fades"), [("no-preference", True), ("reduce", False)])
def test_pages_fade_into_each_other(
    chromium: Browser,
    server: Server,
    motion: Literal["no-preference", "reduce"],
    fades: bool,  # noqa: FBT001
) -> None:
    with visit(chromium, server) as window:
        window.page.emulate_media(reduced_motion=motion)
        window.page.add_init_script(NOTE_FADING)
        found = []
        window.open("/")
        for link in ("Sign in", "Admin", "Notes"):
            found.append(_fades(window, link))
            if link == "Sign in":
                window.sign_in(server)

    assert found == [fades] * 3


def _fades(window: Visit, link: str) -> bool:
    """Return whether the page of a link fades in; Chromium omits that if loading takes long."""
    for attempt in range(3):
        if attempt:
            window.page.go_back()
        window.follow(link)
        if window.page.evaluate("window.faded ?? false"):
            return True
    return False


def test_first_tab_stop_is_a_visible_skip_link(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        window.open("/")
        window.page.keyboard.press("Tab")
        skip = window.page.get_by_role("link", name="Skip to content")
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
            window.page.get_by_label("Body").fill(body)
            window.press("Save note")
        for name, path in PICTURED.items():
            window.open(path)
            window.page.wait_for_load_state("networkidle")
            window.page.screenshot(path=tmp_path / f"{name}.png")

    compare_pictures(tmp_path)


def test_pages_of_visitors_fit_on_the_smallest_and_largest_screens(
    chromium: Browser, server: Server, tmp_path: Path
) -> None:
    """A part of `fireup.py prove screenshots`."""
    pages = {
        name for name, path in VISITOR.items() if path.startswith(("/sign", "/login", "/pass"))
    }

    sizes: list[tuple[int, Scheme]] = [(320, "dark"), (1920, "light")]
    assert photograph(chromium, server, Rows(), tmp_path, sizes, pages) == []
    assert len(list(tmp_path.glob("*.png"))) == 2 * len(pages) == 10
