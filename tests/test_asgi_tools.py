"""The tools in docs/asgi.md work in a new project, with the lines of that page and real clients.

All are in one environment and, but for those that run beside it, in one server process.
"""

import gzip
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest

import fireup
from tests.baking import PROJECT, TEMPLATE, Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import environment, find_free_port, run_in, running

TOOLS = TEMPLATE / "tests" / "asgi_tools"
EMAIL = "admin@example.com"
NOTES, GRAPHQL = "/api/v1/notes", "/api/v1/graphql"
SECRET, BUG = "an-emailed-token-that-must-not-be-reported", "a bug that must be reported"
SECONDS = 60

FAILING = f"""
from fastapi import APIRouter
from app.api.schemas import Schema
from app.features.partners import partners_app

router = APIRouter(prefix="/failing", include_in_schema=False)

class Body(Schema):
    email: str
    password: str

@router.post("/{{token}}")
async def fail(token: str, data: Body) -> None:
    raise RuntimeError("{BUG}")

@partners_app.get("/failing", include_in_schema=False)
async def fail_in_mount() -> None:
    raise RuntimeError("{BUG}")
"""
"""A route of the app and one of a mounted app, each with a bug."""


class Collector(ThreadingHTTPServer):
    """Receives what Sentry and OpenTelemetry send."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Receiver)

    def sent_to(self, path: str) -> bytes:
        """Return everything that was sent to a path so far."""
        return b"\n".join(body for to, body in list(self.received) if to == path)


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_compressed = self.headers["Content-Encoding"] == "gzip"
        self.server.received.append((self.path, gzip.decompress(body) if is_compressed else body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Reply(NamedTuple):
    """A response; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return the body as JSON."""
        return json.loads(self.content)


class Site(NamedTuple):
    """The project with all tools, served, and an access token and an API key of an admin."""

    project: Path
    python: str
    variables: Mapping[str, str]
    address: str
    log: Path
    collector: Collector
    token: str
    key: str

    def send(
        self, path: str, data: object = None, bearer: str | None = None, **headers: str
    ) -> Reply:
        """Send a request, with the access token unless there is another `bearer`; "" sends none."""
        if bearer != "":
            headers["Authorization"] = f"Bearer {bearer or self.token}"
        return send(self.address + path, data, headers)

    def titles(self) -> list[str]:
        """Return the titles of the notes, newest first."""
        return [note["title"] for note in self.send(NOTES).body["items"]]

    def run(self, *arguments: str) -> str:
        """Run Python in the project and return what it printed."""
        return run_python(self.project, self.python, self.variables, *arguments)


def send(url: str, data: object, headers: dict[str, str]) -> Reply:
    """Send a request; the data are bytes, or become JSON."""
    if isinstance(data, dict):
        headers["Content-Type"] = "application/json"
        data = json.dumps(data).encode()
    assert data is None or isinstance(data, bytes)
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - http
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=SECONDS
        ) as response:
            status, found, content = response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        status, found, content = error.code, error.headers, error.read()
    return Reply(status, {name.lower(): value for name, value in found.items()}, content)


def run_python(project: Path, python: str, variables: Mapping[str, str], *arguments: str) -> str:
    """Run Python in the project and return what it printed."""
    done = run_in(project, [python, *arguments], **variables)
    assert done.returncode == 0, done.stdout
    return done.stdout


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until the condition is true."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.1)


@contextmanager
def process(command: Sequence[str], site: Site, log: str) -> Iterator[Path]:
    """Run a process beside the server; yield its log."""
    path = site.project / log
    with path.open("wb") as output:
        started = subprocess.Popen(
            command,
            cwd=site.project,
            env={**environment(), **site.variables},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield path
        finally:
            started.terminate()
            started.wait(timeout=SECONDS)


@pytest.fixture(scope="module")
def site(bake: Bake) -> Iterator[Site]:
    project, python = bake(), fireup.install(TOOLS / "requirements.txt")
    for kind, text in blocks_of("asgi.md", section="Tools"):
        run_block(project, kind, text)
    (project / "app" / "features" / "failing").mkdir()
    (project / "app" / "features" / "failing" / "__init__.py").touch()
    (project / "app" / "features" / "failing" / "routes.py").write_text(FAILING)
    collector = Collector()
    Thread(target=collector.serve_forever, daemon=True).start()
    address, redis_port = f"127.0.0.1:{collector.server_port}", find_free_port()
    variables = {
        "SECRET_KEY": "a secret key that protects nothing at all",
        "AUTH_ARGON2_MEMORY_KIB": "8",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}",
        "SENTRY_DSN": f"http://key@{address}/1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    run_python(project, python, variables, "-m", "app", "db", "upgrade")
    create = ["-m", "app", "users", "create-admin", "--email", EMAIL]
    password = run_python(project, python, variables, *create).split()[6]
    redis = [python, str(TOOLS / "redis_server.py"), str(redis_port)]
    serve = [python, "-m", "app", "serve"]
    log = project / "server.log"
    with (
        subprocess.Popen(redis) as redis_server,
        running(serve, project, log, {**environment(), **variables}) as server,
    ):
        login = {"email": EMAIL, "password": password}
        token = send(f"{server.address}/api/v1/auth/login", login, {}).body["access_token"]
        site = Site(project, python, variables, server.address, log, collector, token, "")
        scopes = {"name": "tools", "scopes": ["read", "write", "admin:access"]}
        key = site.send("/api/v1/auth/api-keys", scopes)
        yield site._replace(key=key.body["key"])
        redis_server.kill()
    collector.shutdown()
    collector.server_close()


def test_socketio_clients_are_authenticated(site: Site) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs node and npm")
    for name in ("package.json", "package-lock.json", "socketio_client.mjs"):
        shutil.copy(TOOLS / name, site.project)
    install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run([npm, *install], cwd=site.project, check=True)

    in_python = site.run(str(TOOLS / "socketio_client.py"), site.address, site.token)
    in_javascript = run_in(
        site.project, ["timeout", "60", node, "socketio_client.mjs", site.address, site.key]
    ).stdout

    assert in_python.splitlines() == ["Python, upgraded", "Python, websocket", "refused"]
    assert in_javascript.splitlines() == [
        "JavaScript, upgraded",
        "JavaScript, websocket",
        "refused: Invalid bearer token",
    ]
    assert set(in_python.splitlines()[:2] + in_javascript.splitlines()[:2]) <= set(site.titles())


def test_socketio_requests_of_other_sites_are_rejected(site: Site) -> None:
    poll = "/socket.io/?EIO=4&transport=polling"

    assert site.send(poll, b"40", Origin="https://evil.example").status == 403


def test_graphql_reads_and_writes_as_the_caller(site: Site) -> None:
    def ask(query: str, bearer: str | None = None) -> Reply:
        return site.send(GRAPHQL, {"query": query}, bearer)

    created = ask('mutation { createNote(title: "GraphQL") { title } }')
    found = ask("{ first: notes { title } second: notes(limit: 1) { title } }", site.key)

    assert created.body == {"data": {"createNote": {"title": "GraphQL"}}}
    assert {"title": "GraphQL"} in found.body["data"]["first"]
    assert found.body["data"]["second"] == [{"title": "GraphQL"}]
    assert ask("{ notes { title } }", "").status == 401


def test_graphql_error_rolls_the_whole_request_back(site: Site) -> None:
    query = 'mutation { createNote(title: "Once") { id } again: createNote(title: "Once") { id } }'

    failed = site.send(GRAPHQL, {"query": query})

    assert failed.body["errors"][0]["message"] == "You already have a note with this title"
    assert "Once" not in site.titles()


def test_graphql_shows_no_page(site: Site) -> None:
    assert site.send(GRAPHQL, Accept="text/html").status == 404


def test_traces_have_routes_and_statements(site: Site) -> None:
    site.send(f"{NOTES}/00000000-0000-0000-0000-000000000000")

    wait_for(lambda: b"GET /api/v1/notes/{note_id}" in site.collector.sent_to("/v1/traces"))
    wait_for(lambda: b"FROM notes" in site.collector.sent_to("/v1/traces"))


def test_sentry_gets_bugs_without_secrets(site: Site) -> None:
    data = {"email": "ada@example.com", "password": "a password that must not be reported"}
    failed = site.send(f"/api/v1/failing/{SECRET}", data, Cookie="session=a-cookie")
    in_mount = site.send("/partners/failing?code=a-code")
    assert (failed.status, in_mount.status) == (500, 500)

    wait_for(lambda: b'"/partners/{path}"' in site.collector.sent_to("/api/1/envelope/"))
    wait_for(lambda: b'"/api/v1/failing/{token}"' in site.collector.sent_to("/api/1/envelope/"))
    sent = site.collector.sent_to("/api/1/envelope/").decode()

    assert sent.count(f'"value":"{BUG}"') >= len((failed, in_mount))
    for secret in (SECRET, site.token, *data.values(), "a-code", "a-cookie", EMAIL):
        assert secret not in sent


def test_sentry_gets_no_expected_errors(site: Site) -> None:
    assert site.send(f"{NOTES}/00000000-0000-0000-0000-000000000000").status == 404
    assert site.send("/api/v1/graphql", {"query": "{ nothing }"}).body["errors"]

    assert b"NotFound" not in site.collector.sent_to("/api/1/envelope/")


def test_wsgi_app_gets_the_request_id_and_is_within_the_limits(site: Site) -> None:
    reply = site.send("/old/echo", b"Hello", **{"X-Request-ID": "from-a-client"})

    assert reply.body == {"body": "Hello", "request_id": "from-a-client"}
    assert reply.headers["x-request-id"] == "from-a-client"
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    assert site.send("/old/echo", b"Hello", Origin="https://evil.example").status == 403
    assert site.send("/old/echo", b"x" * 2_000_000).status == 413


def test_sub_app_has_the_same_errors_and_callers(site: Site) -> None:
    order, problem = site.send("/partners/orders/1"), site.send("/partners/orders/one")
    failed = site.send("/partners/failing")

    assert order.body == {"number": 1, "partner": EMAIL}
    assert (problem.status, problem.body["type"]) == (422, "urn:problem:InvalidRequest")
    assert problem.body["errors"][0]["loc"] == ["path", "number"]
    assert site.send("/partners/orders/1", bearer="").status == 401
    assert (failed.status, failed.headers["content-type"]) == (500, "application/problem+json")
    request_id = failed.headers["x-request-id"]
    assert failed.body["request_id"] == request_id
    assert site.log.read_text().count(f"failed: {request_id}") == 1
    assert "Exception in ASGI application" not in site.log.read_text()


def test_middleware_compresses_and_checks_the_host(site: Site) -> None:
    document = site.send("/openapi.json", **{"Accept-Encoding": "gzip"})
    refused = site.send("/health/live", Host="evil.example")

    assert document.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(document.content))["openapi"]
    assert (refused.status, refused.content) == (400, b"Invalid host header")
    assert refused.headers["x-request-id"]


def test_agent_reads_and_writes_with_an_api_key(site: Site) -> None:
    port = str(find_free_port())
    fastmcp = [str(Path(site.python).with_name("fastmcp")), "run", "mcp_server.py", "--no-banner"]
    with process([*fastmcp, "--transport", "http", "--port", port], site, "mcp.log") as log:
        wait_for(lambda: "Application startup complete" in log.read_text())
        found = json.loads(
            site.run(str(TOOLS / "agent.py"), f"http://127.0.0.1:{port}/mcp", site.key)
        )

    operations = {"create_note", "delete_note", "list_notes", "read_note", "update_note"}
    pictures = {"delete_own_picture", "read_own_picture", "read_picture", "replace_own_picture"}
    assert {*found["tools"]} == operations | pictures | {"create_direct_upload"}
    assert found["created"]["title"] == found["listed"]["items"][0]["title"] == "By an agent"
    assert "NoteTitleTaken" in found["repeated"] or "already have a note" in found["repeated"]
    assert "401" in found["anonymous"]
    assert "By an agent" in site.titles()


def test_worker_of_a_task_queue_acts_for_a_user(site: Site) -> None:
    code = (
        "from app.features.notes.tasks import broker, summarize_notes\n"
        "await broker.startup()\n"
        "await summarize_notes.kiq(scope.user_id)\n"
        "await broker.shutdown()\n"
    )
    worker = ["-m", "taskiq", "worker", "app.features.notes.tasks:broker", "--workers", "1"]
    with process([site.python, *worker], site, "worker.log"):
        site.run("-m", "app", "shell", "--as", EMAIL, "-c", code)
        wait_for(lambda: any(re.match(r"You have \d+ notes", title) for title in site.titles()))


def test_shell_uses_ipython(site: Site) -> None:
    site.run(str(TOOLS / "ipython_prompt.py"), EMAIL)

    assert site.send("/api/v1/users/me").body["display_name"] == "Grace"


def test_tests_of_the_project_accept_the_tools(site: Site) -> None:
    shutil.rmtree(site.project / "app" / "features" / "failing")
    tests = [f"tests/api/test_{name}.py" for name in ("access_control", "tools")]
    pytest_ = ["-m", "pytest", "--database", "sqlite", "-q", "-p", "no:cacheprovider"]
    run_python(site.project, site.python, {}, *pytest_, *tests)


def test_code_in_the_documentation_is_clean(site: Site) -> None:
    for check in (["check", "--no-cache"], ["format", "--no-cache", "--check"]):
        site.run("-m", "ruff", *check, "--exclude", "failing", ".")


def test_tools_are_locked_with_the_packages_of_the_project() -> None:
    def pins(path: Path) -> set[str]:
        return set(re.findall(r"^[\w.-]+==\S+", path.read_text(encoding="utf-8"), re.MULTILINE))

    missing = pins(PROJECT / "requirements-dev.txt") - pins(TOOLS / "requirements.txt")
    assert not missing, f"lock again, as described in requirements.in: {missing}"
