"""Run the unchanged project under the servers of docs/asgi.md, by the commands there."""

import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import fireup
from tests.baking import TEMPLATE
from tests.serving import environment, find_free_port

REQUIREMENTS = TEMPLATE / "tests" / "servers" / "requirements.txt"
EMAIL, PASSWORD = "admin@example.com", "a password of the servers' test"
SETTINGS = {
    "SECRET_KEY": "a secret key that protects nothing at all",
    "AUTH_ARGON2_MEMORY_KIB": "8",
    "AUTH_IP_ATTEMPTS_PER_MINUTE": "1000",
}
SECONDS = 240
TLS = ", TLS"

# | name | version | works | `command` | test |
ROW = re.compile(r"^\| ([^|`]+?) \| ([\d.]+) \|[^|`]*\| `([^`]+)` \|", re.MULTILINE)


class Row(NamedTuple):
    """A server in docs/asgi.md."""

    name: str
    version: str
    command: str

    @property
    def has_tls(self) -> bool:
        """Whether it speaks TLS."""
        return self.name.endswith(TLS)


def rows() -> list[Row]:
    """Read the table of servers."""
    text = (TEMPLATE / "docs" / "asgi.md").read_text(encoding="utf-8")
    section = text.partition("\n## Servers\n")[2].partition("\n## ")[0]
    return [Row(*found) for found in ROW.findall(section)]


class Project(NamedTuple):
    """The project, the environment with all servers, and a migrated database."""

    folder: Path
    python: str
    database: Path

    def variables(self, folder: Path) -> dict[str, str]:
        """Return the environment of a process with a database and a mail folder of its own."""
        if not folder.exists():
            folder.mkdir(parents=True)
            shutil.copy(self.database, folder / "app.db")
        return {
            **environment(),
            **SETTINGS,
            "PATH": f"{Path(self.python).parent}{os.pathsep}{os.environ['PATH']}",
            "DATABASE_URL": f"sqlite:///{folder}/app.db",
            "MAIL_URL": f"file:{folder}/mail",
        }


def prepare(project: Path, folder: Path) -> Project:
    """Install all servers, migrate a database, and create an admin and a certificate."""
    folder.mkdir()
    prepared = Project(project, fireup.install(REQUIREMENTS), folder / "app.db")
    variables = {**environment(), **SETTINGS, "DATABASE_URL": f"sqlite:///{folder}/app.db"}
    app = [prepared.python, "-m", "app"]
    create = [*app, "users", "create-admin", "--email", EMAIL, "--password-stdin"]
    subprocess.run([*app, "db", "upgrade"], cwd=project, env=variables, check=True)
    subprocess.run(create, cwd=project, env=variables, check=True, input=PASSWORD.encode())
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem"]
    certificate = ["-x509", *key, "-subj", "/CN=localhost", "-out", "cert.pem"]
    openssl = ["openssl", "req", *certificate]
    subprocess.run(openssl, cwd=project, check=True, capture_output=True)
    return prepared


@contextmanager
def serve(
    project: Project, row: Row, folder: Path, **settings: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the command of a server on a free port, and kill what is left of it."""
    port, log = find_free_port(), folder.with_suffix(".txt")
    with log.open("wb") as output:
        process = subprocess.Popen(
            shlex.split(row.command.replace("8000", str(port))),
            cwd=project.folder,
            env={**project.variables(folder), **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + SECONDS
        while not (is_open(port) if row.has_tls else is_ready(port)):
            running = process.poll() is None and time.monotonic() < deadline
            assert running, f"{row} doesn't serve the project:\n{log.read_text()}"
            time.sleep(0.1)
        yield process, port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_open(port: int) -> bool:
    """Return whether a port accepts connections."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def is_ready(port: int) -> bool:
    """Return whether the project is ready."""
    with suppress(OSError, http.client.HTTPException):
        return ask(port, "GET", "/health/ready")[0] == 200
    return False


def ask(  # noqa: PLR0913, PLR0917 - what a request consists of
    port: int,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    source: str = "127.0.0.1",
) -> tuple[int, bytes]:
    """Send a request from an address of this machine; return the status and the body."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=SECONDS, source_address=(source, 0)
    )
    sent = dict(headers or {})
    chunked = not isinstance(body, bytes | None)
    if chunked:
        sent["Transfer-Encoding"] = "chunked"
    try:
        connection.request(method, path, body, sent, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
