"""A project deployed with `app new deployment compose`, used over HTTPS while it is replaced."""

import json
import os
import re
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from fireup import install
from tests.baking import PROJECT
from tests.docker.engine import SEARCH_PATH, Engine
from tests.docker.stack import Response
from tests.serving import environment, find_free_port

PASSWORD = 'p@ss/w:o#r%d"'  # every character that has a meaning in URLs
CA = "/data/caddy/pki/authorities/local/root.crt"
ADMIN = re.compile(r"^ +admin@example\.com\n +(\S+)$", re.MULTILINE)

SLOW = '''"""A request that takes seconds."""

import asyncio

from fastapi import APIRouter

router = APIRouter(prefix="/slow")


@router.get("")
async def wait() -> str:
    """Answer after four seconds."""
    await asyncio.sleep(4)
    return "done"
'''
MIGRATION = '''"""Add a column that the code doesn't use yet."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{previous}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notes", sa.Column("extra_{revision}", sa.String(20), nullable=True))


def downgrade() -> None:
    op.drop_column("notes", "extra_{revision}")
'''


def prepare(project: Path) -> None:
    """Generate the deployment in a project, and add a route that takes four seconds."""
    python = install(PROJECT / "requirements-dev.txt")
    command = [python, "-B", "-m", "app", "new", "deployment", "compose"]
    subprocess.run(command, cwd=project, env=environment(), check=True, stdout=subprocess.DEVNULL)
    slow = project / "app" / "features" / "slow"
    slow.mkdir()
    (slow / "__init__.py").write_text('"""Slow requests."""\n')
    (slow / "routes.py").write_text(SLOW)


def add_migration(project: Path) -> str:
    """Add a migration that the previous release can run with. Return its revision."""
    versions = project / "migrations" / "versions"
    previous = max(path.name for path in versions.glob("*.py"))[:4]
    revision = f"{int(previous) + 1:04}"
    text = MIGRATION.format(revision=revision, previous=previous)
    (versions / f"{revision}_extra.py").write_text(text)
    return revision


@dataclass(frozen=True)
class Production:
    """A deployment, published on two free ports."""

    engine: Engine
    project: Path
    name: str
    port: int

    @classmethod
    def create(cls, engine: Engine, project: Path, *lines: str) -> "Production":
        """Write what its owner writes: settings, the password of the database, a mail server."""
        folder, port = project / "deploy", find_free_port()
        example = (folder / ".env.example").read_text()
        name = re.findall(r"^COMPOSE_PROJECT_NAME=(.+)$", example, re.MULTILINE)[0]
        own = ["DOMAIN=localhost", f"HTTP_PORT={find_free_port()}", f"HTTPS_PORT={port}", *lines]
        kept = [line for line in example.splitlines() if not line.startswith("DOMAIN=")]
        (folder / ".env").write_text("\n".join([*kept, *own, ""]))
        (folder / "secrets").mkdir(mode=0o700)
        (folder / "secrets" / "database_password").write_text(PASSWORD)
        (folder / "secrets" / "mail_url").write_text("file:/tmp/mail\n")
        return cls(engine, project, name, port)

    def run(self, program: Path, *command: str) -> str:
        """Run a command in the folder of the deployment, with this docker-compose.

        Raises:
            AssertionError: the command failed; the message contains its output.
        """
        path = self.engine.folder / f"bin-{program.parent.parent.name}"
        path.mkdir(exist_ok=True)
        if not (path / "docker-compose").exists():
            (path / "docker-compose").symlink_to(program)
        variables = {"PATH": f"{path}:{SEARCH_PATH}"}
        return self.engine.run(*command, cwd=self.project / "deploy", env=variables)

    def connect(self) -> HTTPSConnection:
        """Connect to the proxy, whose certificate must be of its own authority."""
        context = ssl.create_default_context(cadata=self.read_authority())
        return HTTPSConnection("localhost", self.port, timeout=30, context=context)

    def read_authority(self) -> str:
        """Return the certificate of the proxy's authority."""
        (proxy,) = self.containers("proxy")
        return self.engine.run("docker", "exec", proxy, "cat", CA)

    def containers(self, service: str) -> list[str]:
        """Return the containers of a service, running or not."""
        labels = [f"label=com.docker.compose.{key}" for key in ("project", "service", "oneoff")]
        values = [f"{labels[0]}={self.name}", f"{labels[1]}={service}", f"{labels[2]}=False"]
        filters = [word for value in values for word in ("--filter", value)]
        return self.engine.run("docker", "ps", "--all", "--quiet", *filters).split()

    def inspect(self, service: str) -> list[dict[str, Any]]:
        """Inspect the containers of a service."""
        inspected = self.engine.run("docker", "inspect", *self.containers(service))
        return list(json.loads(inspected))

    def sign_in(self, printed: str) -> str:
        """Return an access token of the admin whose password the first rollout printed."""
        (password,) = ADMIN.findall(printed)
        data = {"email": "admin@example.com", "password": password}
        response = send(self.connect(), "POST", "/api/v1/auth/login", data)
        assert response.status == 200, response
        return str(response.body["access_token"])


def send(
    connection: HTTPSConnection, method: str, path: str, data: object = None, token: str = ""
) -> Response:
    """Send a request, and read the response."""
    headers = {"Host": "localhost", "Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, path, None if data is None else json.dumps(data), headers)
    received = connection.getresponse()
    body = received.read()
    kind = received.headers.get_content_type()
    return Response(received.status, json.loads(body) if kind.endswith("json") else body.decode())


class Clients:
    """Clients that create and list notes, without repeating a request that fails."""

    def __init__(self, production: Production, token: str, count: int = 4) -> None:
        self.answers: Counter[int | str] = Counter()
        self.slowest = 0.0
        self._token = token
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(production.connect(), number))
            for number in range(count)
        ]

    @property
    def total(self) -> int:
        """How many requests were sent."""
        return sum(self.answers.values())

    @property
    def lost(self) -> dict[int | str, int]:
        """The answers, or errors, that no client should see."""
        return {answer: self.answers[answer] for answer in self.answers if answer not in {200, 201}}

    @contextmanager
    def working(self, minimum: int) -> Iterator[None]:
        """Send requests during the block, and at least so many."""
        for thread in self._threads:
            thread.start()
        try:
            yield
            while self.total < minimum:
                time.sleep(0.05)
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join()

    def _work(self, connection: HTTPSConnection, number: int) -> None:
        turn = 0
        while not self._stopped.is_set():
            turn += 1
            began = time.monotonic()
            try:
                if turn % 2:
                    note = {"title": f"{os.urandom(4).hex()} of {number}"}
                    response = send(connection, "POST", "/api/v1/notes", note, self._token)
                else:
                    path = "/api/v1/notes?limit=1"
                    response = send(connection, "GET", path, token=self._token)
                self.answers[response.status] += 1
            except (OSError, HTTPException) as error:
                self.answers[repr(error)] += 1
                connection.close()
            self.slowest = max(self.slowest, time.monotonic() - began)
            self._stopped.wait(0.01)  # for the rollout, which needs the processors, too
