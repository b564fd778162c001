"""Live lists in a browser: two windows, two processes, two users; on SQLite, one process."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import fireup
from tests.baking import PROJECT, Bake
from tests.serving import Server, Visitor, environment, running, started
from tests.windows import HIDE, Visit, visit

POSTGRES = """
import sys
from tests.postgres import running_postgres
with running_postgres() as url:
    print(url, flush=True)
    sys.stdin.read()
"""
PASSWORD = "seven quiet herons near the mill"  # noqa: S105 - of users of the test
ADA, BOB = "ada@example.com", "bob@example.com"
SOON = 2_000
"""Milliseconds until a change has to be shown."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(
    bake: Bake, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Serve a project: with two processes on PostgreSQL, with one on SQLite."""
    project, python = bake(), fireup.install(PROJECT / "requirements-dev.txt")
    app, variables = [python, "-m", "app"], {**environment(), "JOBS_IN_SERVER": "false"}
    variables["SECRET_KEY"] = "a key of the test, which protects nothing"  # noqa: S105
    workers = "1" if request.param == "sqlite" else "2"
    with ExitStack() as stack:
        if request.param == "postgresql":
            postgres = started([python, "-c", POSTGRES], project)
            variables["DATABASE_URL"] = stack.enter_context(postgres)
        run(project, variables, *app, "db", "upgrade")
        for email in (ADA, BOB):
            create = ["users", "create-admin", "--email", email, "--password-stdin"]
            run(project, variables, *app, *create, text=PASSWORD)
        serve = [*app, "serve", "--workers", workers]
        log = tmp_path_factory.mktemp("log") / "server.txt"
        yield stack.enter_context(running(serve, project, log, variables))


def run(folder: Path, variables: dict[str, str], *command: str, text: str = "") -> None:
    """Run a command of the project."""
    done = subprocess.run(
        command, cwd=folder, env=variables, input=text, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def sign_in(window: Visit, email: str) -> Page:
    """Sign in and open the notes."""
    window.open("/login?next=/notes")
    window.page.get_by_label("Email address").fill(email)
    window.page.get_by_label("Password").fill(PASSWORD)
    with window.page.expect_request(re.compile(r"/notes/live$")):
        window.press("Sign in")
    expect(window.page).to_have_url(f"{window.address}/notes")
    return window.page


class Client:
    """A client of the API."""

    def __init__(self, server: Server, email: str) -> None:
        self._visitor = Visitor(server.address)
        found = self._visitor.post_json(
            "/api/v1/auth/login", {"email": email, "password": PASSWORD}
        )
        self._token = found.body["access_token"]

    def add(self, title: str) -> dict[str, Any]:
        """Create a note."""
        found = self._visitor.post_json("/api/v1/notes", {"title": title}, self._token)
        assert found.status == 201, found.text
        added: dict[str, Any] = found.body
        return added


def test_change_is_shown_in_the_windows_of_its_owner(chromium: Browser, server: Server) -> None:
    with (
        visit(chromium, server) as first,
        visit(chromium, server) as second,
        visit(chromium, server) as other,
    ):
        shown, theirs = sign_in(second, ADA), sign_in(other, BOB)
        sign_in(first, ADA)

        first.follow("New note")
        first.page.get_by_label("Title").fill("Seen at once")
        first.press("Save note")
        expect(shown.get_by_role("link", name="Seen at once")).to_be_visible(timeout=SOON)
        expect(shown.locator("main [role=status]")).to_have_text("List updated", timeout=SOON)

        first.follow("Edit")
        first.page.get_by_label("Title").fill("Changed at once")
        first.press("Save")
        expect(shown.get_by_role("link", name="Changed at once")).to_be_visible(timeout=SOON)

        Client(server, BOB).add("Only Bob's")
        expect(theirs.get_by_role("link", name="Only Bob's")).to_be_visible(timeout=SOON)
        assert theirs.get_by_text("Changed at once").count() == 0
        assert shown.get_by_text("Only Bob's").count() == 0

        first.page.get_by_text("Delete…").click()
        first.press("Delete note")
        expect(shown.get_by_role("link", name="Changed at once")).to_be_hidden(timeout=SOON)


def test_each_process_shows_what_any_process_saves(chromium: Browser, server: Server) -> None:
    """The connections of many windows and clients are spread over both processes."""
    clients = [Client(server, ADA) for _ in range(4)]
    with ExitStack() as stack:
        pages = [sign_in(stack.enter_context(visit(chromium, server)), ADA) for _ in range(4)]
        for number, client in enumerate(clients):
            client.add(f"From client {number}")
            for page in pages:
                link = page.get_by_role("link", name=f"From client {number}")
                expect(link).to_be_visible(timeout=SOON)


def test_focus_typing_and_an_open_menu_are_kept(chromium: Browser, server: Server) -> None:
    client = Client(server, ADA)
    client.add("Focused")
    with visit(chromium, server) as window:
        page = sign_in(window, ADA)
        link = page.get_by_role("link", name="Focused", exact=True)
        search = page.get_by_label("Search", exact=True)

        link.focus()
        client.add("While focused")
        expect(page.get_by_role("link", name="While focused")).to_be_visible(timeout=SOON)
        expect(link).to_be_focused()

        search.fill("half a wo")
        client.add("While typing")
        expect(page.get_by_role("link", name="While typing")).to_be_visible(timeout=SOON)
        expect(search).to_be_focused()
        expect(search).to_have_value("half a wo")

        page.locator("[data-live]").evaluate(
            "list => list.prepend(Object.assign(document.createElement('input'), {id: 'inline'}))"
        )
        page.locator("#inline").fill("not lost")
        client.add("While editing")
        page.wait_for_timeout(SOON)
        expect(page.locator("#inline")).to_have_value("not lost")
        search.focus()
        expect(page.get_by_role("link", name="While editing")).to_be_visible(timeout=SOON)


def test_hidden_page_disconnects_and_catches_up(chromium: Browser, server: Server) -> None:
    client = Client(server, ADA)
    with visit(chromium, server) as window:
        page = sign_in(window, ADA)
        client.add("Before hiding")
        expect(page.get_by_role("link", name="Before hiding")).to_be_visible(timeout=SOON)

        page.evaluate(HIDE, arg=True)
        client.add("While hidden")
        page.wait_for_timeout(SOON)
        assert page.get_by_text("While hidden").count() == 0

        page.evaluate(HIDE, arg=False)
        expect(page.get_by_role("link", name="While hidden")).to_be_visible(timeout=SOON + 1_000)


def test_page_works_without_javascript(chromium: Browser, server: Server) -> None:
    Client(server, ADA).add("Without scripts")
    with visit(chromium, server, scripts=False) as window:
        window.open("/login?next=/notes")
        window.page.get_by_label("Email address").fill(ADA)
        window.page.get_by_label("Password").fill(PASSWORD)
        window.press("Sign in")
        assert window.page.get_by_role("link", name="New note").is_visible()
        assert window.page.get_by_role("link", name="Without scripts").is_visible()
