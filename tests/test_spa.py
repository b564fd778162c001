"""The example of a front end on another origin of the same site, in Chromium and over HTTPS.

nginx serves app.example.test and api.example.test with the configuration of docs/clients.md. The
pages of other.example.test and evil.test belong to attackers.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from benchmarks.lighthouse import find_chromium
from tests import npm
from tests.baking import TEMPLATE, Bake
from tests.life import FIRST, find_link, one_time_code
from tests.serving import Server, Visitor, environment, find_free_port, run_in, running
from tests.windows import FLAGS, HIDE

SPA = TEMPLATE / "examples" / "spa"
EMAIL = "ada@example.com"
LIST, STREAM = "**/api/v1/notes?*", "**/api/v1/notes/live"
SOON = 2_000
"""Milliseconds until a change has to be shown."""
REFRESH, LOGOUT = "/api/v1/auth/cookie/refresh", "/api/v1/auth/cookie/logout"
LATER = "const now = Date.now; Date.now = () => now() + 11 * 60_000"
"""Lets the access token of a page expire."""
SLOW = {"offline": False, "latency": 500, "downloadThroughput": -1, "uploadThroughput": -1}
"""No response, with its cookie, is there before all requests that were made together have begun."""
SEND = """([url, options]) => fetch(url, options).then(
    answer => `${answer.type} ${answer.status}`, error => error.name)"""

NGINX = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
daemon off;
events {{ }}
http {{
  access_log off;
  types {{ text/html html; text/css css; text/javascript js; }}
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  ssl_certificate {folder}/site.crt;
  ssl_certificate_key {folder}/site.key;
  {servers}
  server {{
    listen {port} ssl;
    server_name other.example.test evil.test;
    location / {{ default_type text/html; return 200 "<!doctype html><title>Evil</title>"; }}
  }}
}}
"""


@dataclass(frozen=True)
class Site:
    """The running project and front ends."""

    app: str
    """Origin of the front end; that of the API differs in the host name only."""
    api: str
    server: Server
    project: Path
    spa: Path

    def sign_in(self) -> str:
        """Return an access token of another session."""
        answer = Visitor(self.server.address).post_json(
            "/api/v1/auth/login", {"email": EMAIL, "password": FIRST}
        )
        return str(answer.body["access_token"])

    def events(self) -> list[str]:
        """Return the names of the account's events."""
        answer = Visitor(self.server.address).get("/api/v1/auth/events?limit=100", self.sign_in())
        return [event["name"] for event in answer.body["items"]]


@pytest.fixture(scope="module")
def spa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the example, with its packages."""
    for name in ("node", "npm"):
        _require(name, shutil.which(name))
    copy = tmp_path_factory.mktemp("spa") / "spa"
    shutil.copytree(SPA, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    packages = npm.installed(SPA) / "node_modules"
    shutil.copytree(packages, copy / "node_modules", symlinks=True, copy_function=os.link)
    return copy


@pytest.fixture(scope="module")
def site(bake: Bake, spa: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a project and the example, built, behind nginx."""
    nginx = _require("nginx", shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"))
    folder, port, project = tmp_path_factory.mktemp("site"), find_free_port(), bake()
    app, api = (f"https://{name}.example.test:{port}" for name in ("app", "api"))
    settings = {
        "BASE_URL": app,
        "SERVER_CORS_ORIGINS": app,
        "SERVER_TRUSTED_PROXIES": "127.0.0.1",
        "AUTH_ARGON2_MEMORY_KIB": "8",
    }
    command = [sys.executable, "-u", "dev.py", "run"]
    with running(command, project, folder / "server.txt", {**environment(), **settings}) as server:
        document = Visitor(server.address).get("/openapi.json").text
        (spa / "openapi.json").write_text(document, encoding="utf-8")
        _npm(spa, "run", "types")
        _npm(spa, "run", "build", VITE_API_URL=api)
        site = Site(app, api, server, project, spa)
        with _nginx(nginx, folder, port, _documented_servers(site, port)):
            yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a Chromium that finds all hosts here."""
    found = _require("chromium", find_chromium())
    rules = "--host-resolver-rules=MAP *.test 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*FLAGS, rules])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def account(browser: Browser, site: Site) -> str:
    """Sign up in the front end; return the page's address after confirming the email address."""
    with _window(browser) as window:
        page = window.new_page()
        page.goto(site.app)
        page.get_by_role("button", name="Sign up").click()
        _fill(page, **{"Email address": "ada", "Password": "short"})
        page.get_by_role("main").locator("form button").click()
        page.get_by_label("Email address").and_(page.locator("[aria-invalid=true]")).wait_for()
        _fill(page, **{"Email address": EMAIL, "Password": FIRST})
        page.locator("form button").click()
        page.get_by_role("status").get_by_text(EMAIL).wait_for()

        page.goto(site.app + find_link(site.project / "mail", EMAIL, "Confirm", site.app))
        _fill(page, **{"Email address": EMAIL, "Password": FIRST})
        page.get_by_role("button", name="Confirm and sign in").click()
        page.get_by_role("heading", name="Notes").wait_for()
        return page.url


@pytest.fixture
def window(browser: Browser, site: Site, account: str) -> Iterator[BrowserContext]:
    """Open a window of a person who is signed in."""
    assert account == f"{site.app}/"
    with _window(browser) as window:
        page = window.new_page()
        page.goto(site.app)
        _sign_in(page)
        yield window


def test_example_is_small_and_passes_its_tests(spa: Path, site: Site) -> None:
    assert site.spa == spa
    sources = [
        path
        for path in SPA.rglob("*.*")
        if path.suffix in {".ts", ".tsx", ".css", ".html"} and "node_modules" not in path.parts
        if not path.name.endswith((".test.ts", ".d.ts"))
    ]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources) <= 400
    lock = (SPA / "package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in lock
    assert '"resolved"' not in lock

    _npm(spa, "test")


def test_notes_are_created_changed_and_deleted(window: BrowserContext, site: Site) -> None:
    page = window.pages[0]
    page.get_by_role("button", name="Add note").click()
    page.get_by_label("Title").and_(page.locator("[aria-invalid=true]")).wait_for()
    _fill(page, Title="Milk", Body="Two bottles")
    page.get_by_role("button", name="Add note").click()
    page.get_by_role("heading", name="Milk").wait_for()
    _fill(page, Title="Milk", Body="again")
    page.get_by_role("button", name="Add note").click()
    page.get_by_text("already").wait_for()  # unique among the notes of a person
    page.reload()

    page.get_by_role("button", name="Edit").click()
    editor = page.get_by_role("listitem")
    editor.get_by_label("Body").fill("Three bottles")
    _change(window, site, "Milk", body="Oat milk")
    editor.get_by_role("button", name="Save").click()
    editor.get_by_text("This note was changed meanwhile: Milk Oat milk").wait_for()
    assert editor.get_by_label("Body").input_value() == "Three bottles"
    editor.get_by_role("button", name="Save").click()
    page.get_by_text("Three bottles").wait_for()

    _change(window, site, "Milk", body="Seen without a reload")
    page.get_by_text("Seen without a reload").wait_for(timeout=SOON)
    page.get_by_role("button", name="Edit").click()
    editor.get_by_role("button", name="Delete").click()
    page.get_by_role("heading", name="Milk").wait_for(state="detached")


def test_what_others_change_is_shown_without_a_reload(window: BrowserContext, site: Site) -> None:
    page, other = window.pages[0], window.new_page()
    with other.expect_response(LIST):  # after the stream's first event
        other.goto(site.app)
    visitor, token = Visitor(site.server.address), site.sign_in()

    _fill(other, Title="Of another tab")
    other.get_by_role("button", name="Add note").click()
    page.get_by_role("heading", name="Of another tab").wait_for(timeout=SOON)
    note = visitor.post_json("/api/v1/notes", {"title": "Of the API"}, token).body
    for tab in (page, other):
        tab.get_by_role("heading", name="Of the API").wait_for(timeout=SOON)

    page.evaluate(HIDE, arg=True)
    with page.expect_response(LIST):
        page.evaluate(HIDE, arg=False)
    visitor.post_json("/api/v1/notes", {"title": "After a rest"}, token)
    page.get_by_role("heading", name="After a rest").wait_for(timeout=SOON)
    for shown in visitor.get("/api/v1/notes", token).body["items"]:
        _delete(window, site, shown["id"], token)
    page.get_by_role("heading", name=note["title"]).wait_for(state="detached", timeout=SOON)


def test_session_that_ends_elsewhere_shows_the_sign_in(window: BrowserContext, site: Site) -> None:
    """The server ends the stream; nobody has to touch the page."""
    page = window.pages[0]
    page.get_by_role("heading", name="Notes").wait_for()

    Visitor(site.server.address).post_json("/api/v1/auth/logout-all", {}, site.sign_in())

    page.get_by_role("heading", name="Sign in").wait_for()
    assert "authn_token_reuse" not in site.events()


def test_more_notes_are_shown(window: BrowserContext, site: Site) -> None:
    visitor, token = Visitor(site.server.address), site.sign_in()
    for number in range(21):
        visitor.post_json("/api/v1/notes", {"title": f"Note {number:02}"}, token)
    page = window.pages[0]
    page.reload()
    page.get_by_role("heading", name="Note 20").wait_for()
    assert page.get_by_role("heading", name="Note 00").count() == 0

    page.get_by_role("button", name="Show more").click()

    page.get_by_role("heading", name="Note 00").wait_for()
    assert page.get_by_role("listitem").count() == 21
    assert page.get_by_role("button", name="Show more").count() == 0


def test_sign_in_survives_reloads_until_sign_out(window: BrowserContext, site: Site) -> None:
    page, other = window.pages[0], window.new_page()
    other.goto(site.app)
    for _ in range(12):
        with suppress(Error):  # the page that is loaded may not be there yet
            page.reload(wait_until="commit")  # often before the response of a refresh
    page.get_by_role("heading", name="Notes").wait_for()
    other.get_by_role("heading", name="Notes").wait_for()

    page.get_by_role("button", name="Sign out").click()

    for tab in (page, other):
        tab.get_by_role("heading", name="Sign in").wait_for()
        tab.reload()
        tab.get_by_role("heading", name="Sign in").wait_for()
    assert not window.cookies()
    assert "authn_token_reuse" not in site.events()


def test_tabs_share_one_refresh(window: BrowserContext, site: Site) -> None:
    tabs = [window.pages[0], *(window.new_page() for _ in range(4))]
    for tab in tabs[1:]:
        tab.goto(site.app)
        tab.get_by_role("heading", name="Notes").wait_for()
    refreshed: list[str] = []
    window.on("request", lambda sent: refreshed.append(sent.url) if REFRESH in sent.url else None)

    for tab in tabs:
        tab.evaluate(LATER)
    for tab in tabs:
        tab.evaluate(HIDE, arg=False)  # as showing it does, which opens the stream again
    for tab in tabs:
        with tab.expect_response(LIST) as answer:
            tab.evaluate(HIDE, arg=False)
        assert answer.value.status == 200
        assert tab.get_by_role("heading", name="Notes").is_visible()

    assert 1 <= len(refreshed) <= 2, "a message to other tabs may be slower than their request"
    assert "authn_token_reuse" not in site.events()


def test_two_tabs_without_the_lock_do_not_look_like_a_thief(
    window: BrowserContext, site: Site
) -> None:
    script = f"""() => Promise.all(Array.from({{length: 6}}, async () => (await fetch(
        "{site.api}{REFRESH}", {{method: "POST", credentials: "include"}})).status))"""
    tabs = [window.pages[0], window.new_page()]
    tabs[1].goto(site.app)
    tabs[1].get_by_role("heading", name="Notes").wait_for()  # after the refresh of its own

    for tab in tabs:
        tab.context.new_cdp_session(tab).send("Network.emulateNetworkConditions", SLOW)
        assert tab.evaluate(script) == [200] * 6

    tabs[0].reload()
    tabs[0].get_by_role("heading", name="Notes").wait_for()
    assert "authn_token_reuse" not in site.events()


def test_scripts_see_no_refresh_token(window: BrowserContext) -> None:
    """Behaviour 157."""
    page = window.pages[0]
    with page.expect_response(f"**{REFRESH}") as answer:
        page.reload()
    page.get_by_role("heading", name="Notes").wait_for()

    stores = page.evaluate("[document.cookie, {...localStorage}, {...sessionStorage}]")
    databases = page.evaluate("indexedDB.databases()")

    assert [*stores, databases] == ["", {}, {}, []]
    assert set(answer.value.json()) == {"access_token", "token_type", "expires_in"}
    (cookie,) = window.cookies()
    assert cookie["name"].startswith("__Host-")
    assert cookie["domain"] == "api.example.test"
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")


@pytest.mark.parametrize("host", ["other.example.test", "evil.test"])
def test_other_origins_cannot_use_the_cookie(window: BrowserContext, site: Site, host: str) -> None:
    """Nor replace it, which would sign people in to an account of the attacker. Behaviour 160."""
    page, (before,) = window.new_page(), window.cookies()
    page.goto(site.app.replace("app.example.test", host))
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status))

    for path in (REFRESH, LOGOUT):
        for mode in ("cors", "no-cors"):
            asked = {"method": "POST", "credentials": "include", "mode": mode}
            seen = page.evaluate(SEND, [site.api + path, asked])
            assert seen in {"TypeError", "opaque 0"}
        page.set_content(
            f'<form method="post" action="{site.api}{path}"><button>Go</button></form>'
        )
        with page.expect_navigation():
            page.get_by_role("button").click()
        assert page.get_by_text("urn:problem:OriginNotAllowed").is_visible()
        page.go_back()
    for domain in ("", "; domain=example.test", "; domain=api.example.test"):
        page.evaluate(
            "cookie => document.cookie = cookie", f"{before['name']}=rt{domain}; path=/; secure"
        )

    assert statuses.count(403) == 4  # of opaque responses and forms; CORS hides the others
    assert window.cookies(site.api) == [before]
    window.pages[0].reload()
    window.pages[0].get_by_role("heading", name="Notes").wait_for()


def test_cookies_of_pages_open_nothing_to_the_front_end(window: BrowserContext, site: Site) -> None:
    """Behaviour 161."""
    pages = window.new_page()
    pages.goto(f"{site.api}/login")
    _sign_in(pages)
    pages.goto(f"{site.api}/account")
    assert pages.get_by_text(EMAIL).first.is_visible()
    page = window.pages[0]
    asked = {"credentials": "include"}

    assert page.evaluate(SEND, [f"{site.api}/account", asked]) == "TypeError"
    assert page.evaluate(SEND, [f"{site.api}/api/v1/users/me", asked]) == "TypeError"
    assert page.evaluate(SEND, [f"{site.api}/api/v1/users/me", {}]) == "cors 401"
    with page.expect_response(f"{site.api}/logout") as answer:
        asked = {"method": "POST", "credentials": "include", "mode": "no-cors"}
        page.evaluate(SEND, [f"{site.api}/logout", asked])
    assert answer.value.status == 403


def test_second_factor_is_asked_for(browser: Browser, site: Site) -> None:
    visitor, email = Visitor(site.server.address), "bob@example.com"
    login = {"email": email, "password": FIRST}
    visitor.post_json("/api/v1/auth/register", login)
    token = find_link(site.project / "mail", email, "Confirm", site.app).rpartition("/")[2]
    visitor.post_json("/api/v1/auth/verify-email", {"token": token, "password": FIRST})
    access = visitor.post_json("/api/v1/auth/login", login).body["access_token"]
    setup = visitor.post_json("/api/v1/auth/totp", {}, access).body
    code = {"code": one_time_code(setup["secret"])}
    codes = visitor.post_json("/api/v1/auth/totp/confirm", code, access).body["recovery_codes"]

    with _window(browser) as window:
        page = window.new_page()
        page.goto(site.app)
        _fill(page, **{"Email address": email, "Password": FIRST})
        page.get_by_role("button", name="Sign in").click()
        _fill(page, Code="wrong")
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("Incorrect code").wait_for()
        _fill(page, Code=codes[0])
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("heading", name="Notes").wait_for()


def test_development_server_passes_requests_on(
    browser: Browser, site: Site, account: str, tmp_path: Path
) -> None:
    assert account
    address = f"http://localhost:{find_free_port()}"
    python = site.project / ".venv/bin/python"
    # Access tokens that live for so short a time end the stream soon.
    settings = {"AUTH_ACCESS_TOKEN_TTL": "2", "SERVER_LIVE_CHECK_INTERVAL": "100ms"}
    variables = {**environment(), **settings, "BASE_URL": address, "AUTH_ARGON2_MEMORY_KIB": "8"}
    with running(
        [str(python), "-m", "app", "serve"], site.project, tmp_path / "log", variables
    ) as server:
        vite = [
            "node_modules/vite/bin/vite.js",
            "--strictPort",
            "--port",
            address.rpartition(":")[2],
        ]
        with _program(["node", *vite], site.spa, API_URL=server.address):
            _wait_for(address)
            with _window(browser) as window:
                page = window.new_page()
                page.goto(address)
                _sign_in(page)
                with page.expect_response(STREAM) as first:
                    page.reload()
                page.get_by_role("heading", name="Notes").wait_for()
                with page.expect_response(LIST), page.expect_response(STREAM) as second:
                    pass
                tokens = [
                    answer.value.request.headers["authorization"] for answer in (first, second)
                ]
                assert tokens[0] != tokens[1]
                assert second.value.status == 200


def _change(window: BrowserContext, site: Site, title: str, body: str) -> None:
    """Change a note in another session."""
    notes = f"{site.server.address}/api/v1/notes"
    headers = {"Authorization": f"Bearer {site.sign_in()}"}
    (note,) = window.request.get(f"{notes}?title={title}", headers=headers).json()["items"]
    changed = window.request.patch(f"{notes}/{note['id']}", headers=headers, data={"body": body})
    assert changed.ok, changed.text()


def _delete(window: BrowserContext, site: Site, note_id: str, token: str) -> None:
    """Delete a note in another session."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{site.server.address}/api/v1/notes/{note_id}"
    deleted = window.request.delete(url, headers=headers)
    assert deleted.ok, deleted.text()


def _sign_in(page: Page) -> None:
    """Fill in the form to sign in, of the front end or of the project's pages."""
    _fill(page, **{"Email address": EMAIL, "Password": FIRST})
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Sign out").wait_for()


def _fill(page: Page, **values: str) -> None:
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value)


@contextmanager
def _window(browser: Browser) -> Iterator[BrowserContext]:
    """Open a window that trusts the certificate of these tests; no script may fail in it."""
    faults: list[str] = []
    with browser.new_context(ignore_https_errors=True) as window:
        window.set_default_timeout(15_000)
        window.on("weberror", lambda fault: faults.append(str(fault.error)))
        yield window
    assert faults == []


def _documented_servers(site: Site, port: int) -> str:
    """Return the servers of the documentation, on this machine."""
    page = (TEMPLATE / "docs" / "clients.md").read_text(encoding="utf-8")
    (servers,) = re.findall(r"^```nginx\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for old, new in {
        "https://api.example.com": site.api,
        "example.com;": "example.test;",
        " 443 ": f" {port} ",
        "/srv/app": str(site.spa / "dist"),
        "http://127.0.0.1:8000": site.server.address,
    }.items():
        assert old in servers, old
        servers = servers.replace(old, new)
    return str(servers)


@contextmanager
def _nginx(program: str, folder: Path, port: int, servers: str) -> Iterator[None]:
    _create_certificate(folder)
    configuration = folder / "nginx.conf"
    # Otherwise root's nginx reads files as another user, who may not read this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    text = NGINX.format(user=user, folder=folder, port=port, servers=servers)
    configuration.write_text(text, encoding="utf-8")
    with _program([program, "-p", str(folder), "-c", str(configuration)], folder):
        _wait_for(f"https://127.0.0.1:{port}")
        yield


@contextmanager
def _program(command: list[str], folder: Path, **variables: str) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, env={**environment(), **variables})
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _create_certificate(folder: Path) -> None:
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(folder / "site.key"), "-out", str(folder / "site.crt")]
    command = ["openssl", "req", *options, *files, "-days", "1", "-subj", "/CN=example.test"]
    subprocess.run(command, check=True, capture_output=True)


def _wait_for(address: str) -> None:
    """Wait until something listens there."""
    host, port = re.sub(r"^https?://", "", address).split(":")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(address)


def _npm(folder: Path, *arguments: str, **variables: str) -> None:
    done = run_in(folder, [str(shutil.which("npm")), *arguments], **variables)
    assert done.returncode == 0, done.stdout


def _require(name: str, path: str | None) -> str:
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no {name} here")
    return path
