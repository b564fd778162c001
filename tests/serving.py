"""Run a generated project, and send requests to it."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.packages import link_packages

# Variables that may be set on the machine that runs the tests, but must not affect projects.
FOREIGN = re.compile(
    r"(PYTEST|COV|UV_PROJECT|UV_PYTHON|VIRTUAL_ENV|PYTHON|DATABASE_|SECRET_|SERVER_)"
)
# `dev.py test` in one process: each worker imports the app, and the other cores run other tests.
IN_ONE_PROCESS = {"PYTEST_XDIST_AUTO_NUM_WORKERS": "0"}
# Tests of a project in which its admin and features change nothing.
UNAFFECTED = (
    "commands/test_http_protocol.py",
    "commands/test_serve.py",
    "commands/test_websocket_protocol.py",
    "scaffold",
    "settings",
)
WITHOUT_UNAFFECTED = [f"--ignore=tests/{name}" for name in UNAFFECTED]
"""Arguments of `dev.py test` in one of several projects; the others run these tests, too."""


def environment() -> dict[str, str]:
    """Return the environment of a new terminal."""
    return {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}


def run_in(
    project: Path, command: Sequence[str], **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in the project, as in a new terminal; `stdout` includes stderr."""
    return subprocess.run(
        command,
        cwd=project,
        env={**environment(), **variables},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_dev(project: Path, *arguments: str, python: str = sys.executable, **variables: str) -> str:
    """Run `dev.py` in the project, assert that it succeeds, and return its output."""
    link_packages(project, python)
    done = run_in(project, [python, "dev.py", *arguments], **{**IN_ONE_PROCESS, **variables})
    assert done.returncode == 0, f"dev.py {' '.join(arguments)} failed:\n{done.stdout}"
    return done.stdout


@dataclass(frozen=True)
class Answer:
    """The response after redirects."""

    status: int
    url: str
    text: str

    @property
    def body(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return the body as JSON."""
        return json.loads(self.text)


class Visitor:
    """An HTTP client that keeps cookies and follows redirects."""

    def __init__(self, address: str, origin: str = "") -> None:
        self.address, self.origin = address, origin or address
        # As browsers do on this machine, where a project is not served over HTTPS.
        self.cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def get(self, path: str, token: str | None = None) -> Answer:
        """Send a GET request, with a bearer token if given."""
        return self._send(path, None, {"Authorization": f"Bearer {token}"} if token else {})

    def post_json(self, path: str, data: Mapping[str, object], token: str | None = None) -> Answer:
        """Send a POST request with JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers["Content-Type"] = "application/json"
        return self._send(path, json.dumps(data).encode(), headers)

    def fill_in(self, path: str, **fields: str) -> Answer:
        """Submit the form of a page, including its hidden fields and the Origin header."""
        hidden = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", self.get(path).text)
        for field in hidden:
            name, value = (re.search(rf'{key}="([^"]*)"', field) for key in ("name", "value"))
            if name and value:
                fields.setdefault(name[1], value[1])
        return self._send(path, urlencode(fields).encode(), {"Origin": self.origin})

    def _send(self, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        request = urllib.request.Request(self.address + path, data, headers)  # noqa: S310 - http
        try:
            with self._opener.open(request, timeout=30) as response:
                return Answer(response.status, response.url, response.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.url or "", error.read().decode(errors="replace"))


@dataclass(frozen=True)
class Server:
    """A running project."""

    address: str
    log: Path
    pid: int

    def printed(self) -> str:
        """Return the output so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def credentials(self) -> tuple[str, str]:
        """Return the admin's email address and password, which the first run prints."""
        shown = re.search(r"(admin@example\.com)[\s|]+(\S{12,})\s", self.printed())
        assert shown, f"no credentials were printed:\n{self.printed()}"
        return shown[1], shown[2]


@contextmanager
def serving(project: Path, log: Path, *, python: str = sys.executable) -> Iterator[Server]:
    """Install and serve the project with `dev.py run`."""
    with running([python, "-u", "dev.py", "run"], project, log, environment()) as server:
        yield server


@contextmanager
def running(
    command: Sequence[str], folder: Path, log: Path, variables: Mapping[str, str]
) -> Iterator[Server]:
    """Run a command that serves a project on a free port, and interrupt it afterwards."""
    port = find_free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=folder,
            env=dict(variables),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        server = Server(f"http://127.0.0.1:{port}", log, process.pid)
        try:
            wait_until_ready(server, process)
            yield server
        finally:
            _stop(process)


@contextmanager
def started(command: list[str], folder: Path, **variables: str) -> Iterator[str]:
    """Start a command, yield its first line of output, and close its standard input."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**environment(), **variables},
        stdin=pipe,
        stdout=pipe,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


def find_free_port() -> int:
    """Return a free port, outside the range in which clients get theirs (on Linux from 32768)."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the process group, because the reloading server has child processes."""
    for how, seconds in ((signal.SIGINT, 30), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):  # already exited
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
            return


def wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Wait until the project responds; fail with its output if it exits."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if Visitor(server.address).get("/health/ready").status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    message = f"the project is not served:\n{server.printed()}"
    raise AssertionError(message)
