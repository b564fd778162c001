"""The unchanged project under every server in docs/asgi.md, started by the commands there.

All servers are in one environment, and run at the same time. Each has a database of its own.
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.asgi_servers import (
    EMAIL,
    PASSWORD,
    REQUIREMENTS,
    TLS,
    Project,
    Row,
    ask,
    prepare,
    rows,
    serve,
)
from tests.baking import Bake

PROXY, STRANGER = "127.0.0.2", "127.0.0.1"
SLOW = {"AUTH_LOGIN_MIN_RESPONSE_TIME": "1500ms", "SERVER_TRUSTED_PROXIES": PROXY}
"""A sign-in is slow enough to be interrupted. Uvicorn and Gunicorn trust 127.0.0.1 by default."""
NEW = "new@example.com"
JSON = {"Content-Type": "application/json"}
LOGIN, NOTES = "/api/v1/auth/login", "/api/v1/notes"
LARGE, UNREAD = 3_000_000, 500_000


@dataclass
class Trial:
    """What happened under one server."""

    project: Project
    row: Row
    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """What the server printed."""
        return self.folder.with_suffix(".txt").read_text()

    def mails_to(self, address: str) -> int:
        """Return how many emails were sent to an address."""
        mails = (self.folder / "mail").glob("*.eml")
        return sum(f"To: {address}" in path.read_text() for path in mails)

    def run(self) -> None:
        """Serve the project, send all kinds of requests, and stop the server."""
        with serve(self.project, self.row, self.folder, **SLOW) as (process, port):
            if self.row.has_tls:
                self.speak_http2(f"https://127.0.0.1:{port}")
                return
            self.use(port)
            if f"{self.row.name}{TLS}" in {row.name for row in rows()}:
                self.speak_http2(f"http://127.0.0.1:{port}")
            self.stop(process, port)

    def use(self, port: int) -> None:
        """Sign in, write, read, and send requests that are rejected."""
        facts = self.facts
        facts["login"], token = sign_in(port)
        headers = {**JSON, "Authorization": f"Bearer {token['access_token']}"}

        def create(number: int) -> int:
            note = json.dumps({"title": f"{number}"}).encode()
            return ask(port, "POST", NOTES, note, headers)[0]

        with ThreadPoolExecutor(8) as threads:
            facts["created"] = set(threads.map(create, range(16)))
        facts["listed"] = len(json.loads(ask(port, "GET", NOTES, None, headers)[1])["items"])

        chunks = iter([b" " * 10_000] * (LARGE // 10_000))
        cross_site = {"Sec-Fetch-Site": "cross-site"}
        facts["too large, announced"] = status_of(port, "POST", NOTES, b" " * LARGE, headers)
        facts["too large, chunked"] = status_of(port, "POST", NOTES, chunks, headers)
        facts["cross-site, unread"] = status_of(port, "POST", "/login", b" " * UNREAD, cross_site)
        facts["large headers"] = status_of(
            port, "GET", "/health/live", None, {"X-Large": "x" * 40_000}
        )

        facts["forged address"] = seen_address(port, "203.0.113.9", STRANGER)
        facts["forwarded address"] = seen_address(port, "6.6.6.6, 198.51.100.7", PROXY)

        disconnect(port)
        identified = {"X-Request-ID": f"request-{port}"}
        facts["after disconnects"] = status_of(port, "GET", "/health/live", None, identified)

        register = json.dumps({"email": NEW, "password": PASSWORD}).encode()
        facts["register"] = status_of(port, "POST", "/api/v1/auth/register", register, JSON)
        deadline = time.monotonic() + 20
        while not self.mails_to(NEW) and "no lifespan" not in self.log:
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)

    def speak_http2(self, address: str) -> None:
        """Send requests over HTTP/2, with httpx and curl."""
        script = [self.project.python, str(REQUIREMENTS.with_name("http2_client.py"))]
        done = subprocess.run(
            [*script, address, EMAIL, PASSWORD], check=False, capture_output=True, text=True
        )
        self.facts["HTTP/2, httpx"] = json.loads(done.stdout) if done.stdout else done.stderr
        curl = ["curl", "--silent", "--insecure", "--output", os.devnull, "--data-binary", "@-"]
        wanted = ["--http2-prior-knowledge", "--write-out", "%{http_version} %{http_code}"]
        sizes = {"announced": [], "streamed": ["--header", "Transfer-Encoding: chunked"]}
        for name, option in sizes.items():
            done = subprocess.run(
                [*curl, *wanted, *option, f"{address}{NOTES}"],
                check=False,
                input=" " * LARGE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.facts[f"HTTP/2, curl, {name}"] = done.stdout, done.returncode

    def stop(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Send SIGTERM while a request is open."""
        with ThreadPoolExecutor(1) as threads:
            slow = threads.submit(sign_in, port, "not the password")
            time.sleep(0.7)
            process.send_signal(signal.SIGTERM)
            try:
                self.facts["open at SIGTERM"] = slow.result()[0]
            except (OSError, http.client.HTTPException) as error:
                self.facts["open at SIGTERM"] = type(error).__name__
        process.wait(60)
        self.facts["lines"] = len(
            re.findall(
                rf"GET /health/live 200 .* request_id=request-{port}$", self.log, re.MULTILINE
            )
        )


def status_of(
    port: int,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] | None,
    headers: Mapping[str, str],
) -> int | str:
    """Send a request and return the status, or the name of the error."""
    try:
        return ask(port, method, path, body, headers)[0]
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def sign_in(
    port: int, password: str = PASSWORD, forwarded: str = "", source: str = STRANGER
) -> tuple[int, Any]:
    """Sign in and return the status and the tokens, or the problem."""
    body = json.dumps({"email": EMAIL, "password": password}).encode()
    headers = {**JSON, "X-Forwarded-For": forwarded} if forwarded else JSON
    status, text = ask(port, "POST", LOGIN, body, headers, source)
    return status, json.loads(text)


def seen_address(port: int, forwarded: str, source: str) -> str:
    """Sign in and return the address that the app recorded for the session."""
    _, token = sign_in(port, forwarded=forwarded, source=source)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    sessions = json.loads(ask(port, "GET", "/api/v1/auth/sessions", None, headers)[1])
    return next(str(one["ip"]) for one in sessions if one["current"])


def disconnect(port: int) -> None:
    """Close connections before a request, within one, and before the response."""
    half = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"
    for sent in (b"", half, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(sent)


@pytest.fixture(scope="module")
def trials(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trial]:
    """Use and stop all servers, at the same time."""
    folder = tmp_path_factory.mktemp("servers")
    project = prepare(bake(), folder / "database")
    found = {row.name: Trial(project, row, folder / row.name) for row in rows()}
    with ThreadPoolExecutor(len(found)) as threads:
        list(threads.map(Trial.run, found.values()))
    return found


EXPECTED = {
    "login": 200,
    "created": {201},
    "listed": 16,
    "too large, announced": 413,
    "too large, chunked": 413,
    "cross-site, unread": 403,
    "large headers": 431,
    "forged address": STRANGER,
    "forwarded address": "198.51.100.7",
    "register": 202,
    "after disconnects": 200,
    "open at SIGTERM": 401,
    "lines": 1,
}
HTTP2: dict[str, object] = {
    "HTTP/2, httpx": {
        "versions": ["HTTP/2"],
        "statuses": {
            "login": 200,
            "create": 201,
            "too large, announced": 413,
            "next 1": 200,
            "too large, streamed": 413,
            "next 2": 200,
            "cross-site, unread": 403,
            "next 3": 200,
            "no such route, unread": 404,
            "next 4": 200,
        },
    },
    "HTTP/2, curl, announced": ("2 413", 0),
    "HTTP/2, curl, streamed": ("2 413", 0),
}
DIFFERENT: dict[str, dict[str, object]] = {
    "Hypercorn": HTTP2,
    "Granian": HTTP2,
    # It reads at most 16 KiB of headers, doesn't wait for requests when it stops, and formats the
    # log itself, without fields such as the ID of the request.
    "Daphne": {
        "large headers": "RemoteDisconnected",
        "open at SIGTERM": "RemoteDisconnected",
        "lines": 0,
    },
}
NAMES = [row.name for row in rows() if not row.has_tls]


@pytest.mark.parametrize("name", NAMES)
def test_server_serves_the_project(trials: Mapping[str, Trial], name: str) -> None:
    trial = trials[name]

    assert trial.facts == {**EXPECTED, **DIFFERENT.get(name, {})}, trial.log
    assert "Traceback" not in trial.log


@pytest.mark.parametrize("name", NAMES)
def test_one_email_is_sent_if_the_server_runs_the_lifespan(
    trials: Mapping[str, Trial], name: str
) -> None:
    trial = trials[name]

    assert trial.mails_to(NEW) == (name != "Daphne")
    assert trial.log.count("no lifespan: run `app worker`") == (name == "Daphne")


@pytest.mark.parametrize("name", [row.name for row in rows() if row.has_tls])
def test_server_speaks_http2_over_tls(trials: Mapping[str, Trial], name: str) -> None:
    assert trials[name].facts == HTTP2, trials[name].log
    assert "Traceback" not in trials[name].log


def test_worker_sends_emails_of_a_server_without_a_lifespan(trials: Mapping[str, Trial]) -> None:
    trial = trials["Daphne"]
    worker = [trial.project.python, "-m", "app", "worker"]
    variables = trial.project.variables(trial.folder)
    with subprocess.Popen(worker, cwd=trial.project.folder, env=variables) as process:
        deadline = time.monotonic() + 30
        while not trial.mails_to(NEW):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.terminate()

    assert trial.mails_to(NEW) == 1


def test_documented_versions_are_those_that_are_tested() -> None:
    locked = dict(re.findall(r"^([\w-]+)==([\d.]+)", REQUIREMENTS.read_text(), re.MULTILINE))
    packages = {"Uvicorn": "uvicorn", "FastAPI CLI": "fastapi-cli"}

    for row in rows():
        name = row.name.partition(",")[0]
        assert locked[packages.get(name, name.lower())].startswith(row.version), row
