"""A project deployed with `app new deployment compose`, used over HTTPS while it is replaced."""

import json
import os
import re
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from fireup import install
from tests.baking import PROJECT
from tests.doc_blocks import blocks_of
from tests.docker.engine import SEARCH_PATH, Engine
from tests.docker.stack import Response
from tests.serving import environment, find_free_port

PASSWORD = 'p@ss/w:o#r%d"'  # noqa: S105 - of a test, with characters that mean something in URLs
BUILD = ("--build-arg", "PACKAGES=postgresql-client")
CA = "/data/caddy/pki/authorities/local/root.crt"
ADMIN = re.compile(r"^ +admin@example\.com\n +(\S+)$", re.MULTILINE)

SLOW = '''"""A request that takes seconds."""

import asyncio
import logging

from fastapi import APIRouter

router = APIRouter(prefix="/slow")
logger = logging.getLogger(__name__)


@router.get("")
async def wait() -> str:
    """Answer after four seconds."""
    logger.info("a slow request began")
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
    generate, *_ = blocks_of("deploying.md", "One server")
    python = install(PROJECT / "requirements-dev.txt")
    _run_shell(project, generate[1].replace("python3 dev.py", f"{python} -B -m"))
    slow = project / "app" / "features" / "slow"
    slow.mkdir()
    (slow / "__init__.py").write_text('"""Slow requests."""\n')
    (slow / "routes.py").write_text(SLOW)


def _run_shell(project: Path, script: str) -> None:
    command = ["/bin/sh", "-euc", script]
    subprocess.run(command, cwd=project, env=environment(), check=True, stdout=subprocess.DEVNULL)


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
        """Do what the page says for the first release, except for the rollout itself."""
        _, first, *_ = blocks_of("deploying.md", "One server")
        script, _, rollout = first[1].strip().rpartition("\n")
        assert rollout == "deploy/rollout"
        script = script.replace("smtp://user:password@mail.example.com:587", "file:/tmp/mail")
        _run_shell(project, script.replace("shop.example.com", "localhost"))
        secrets, settings = project / "deploy" / "secrets", project / "deploy" / ".env"
        (secrets / "database_password").write_text(PASSWORD)
        port, text = find_free_port(), settings.read_text()
        ports = [f"HTTP_PORT={find_free_port()}", f"HTTPS_PORT={port}"]
        settings.write_text("\n".join([text, *ports, *lines, ""]))
        name = re.findall(r"^COMPOSE_PROJECT_NAME=(.+)$", text, re.MULTILINE)[0]
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

    @contextmanager
    def connection(self) -> Iterator[HTTPSConnection]:
        """Return a connection to the proxy, whose certificate must be of its own authority."""
        context = ssl.create_default_context(cadata=self.read_authority())
        connection = HTTPSConnection("localhost", self.port, timeout=30, context=context)
        try:
            yield connection
        finally:
            connection.close()

    def wait_until_served(self) -> None:
        """Wait until the proxy, which was started last, has a certificate and answers."""
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError, AssertionError), self.connection() as connection:
                if send(connection, "GET", "/health/live").status == HTTPStatus.OK:
                    return
            assert time.monotonic() < deadline, self.logs("proxy")
            time.sleep(0.1)

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

    def images(self) -> list[str]:
        """Return the images of the releases, the newest first."""
        command = ("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", self.name)
        return sorted(self.engine.run(*command).split(), reverse=True)

    def image_id(self, image: str) -> str:
        """Return what an image is, whatever its name."""
        command = ("docker", "image", "inspect", "--format", "{{.Id}}", image)
        return self.engine.run(*command).strip()

    def read_release(self) -> str:
        """Return the release that requests go to."""
        return (self.project / "deploy" / "caddy" / "release").read_text()

    def logs(self, service: str) -> str:
        """Return the logs of the containers of a service."""
        logs = [self.engine.attempt("docker", "logs", name) for name in self.containers(service)]
        return "".join(done.stdout + done.stderr for done in logs)

    def query(self, statement: str) -> str:
        """Return the value of an SQL query."""
        (database,) = self.containers("db")
        psql = ("psql", "--username=app", "--no-align", "--tuples-only", f"--command={statement}")
        return self.engine.run("docker", "exec", database, *psql).strip()

    def sign_in(self, printed: str) -> str:
        """Return an access token of the admin whose password the first rollout printed."""
        self.wait_until_served()
        (password,) = ADMIN.findall(printed)
        data = {"email": "admin@example.com", "password": password}
        with self.connection() as connection:
            response = send(connection, "POST", "/api/v1/auth/login", data)
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
    """Clients that create and list notes, and one that sends slow requests. None repeats one."""

    def __init__(self, production: Production, token: str, count: int = 4) -> None:
        self.answers: Counter[int | str] = Counter()
        self.slowest = 0.0
        self._production, self._token = production, token
        self._stopped = threading.Event()
        requests = [self._requests] * count + [self._slow_requests]
        self._threads = [threading.Thread(target=self._work, args=(each,)) for each in requests]

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

    def _requests(self) -> Iterator[tuple[str, str, object]]:
        while True:
            yield "POST", "/api/v1/notes", {"title": os.urandom(8).hex()}
            yield "GET", "/api/v1/notes?limit=1", None

    def _slow_requests(self) -> Iterator[tuple[str, str, object]]:
        while True:
            yield "GET", "/api/v1/slow", None

    def _work(self, requests: Callable[[], Iterator[tuple[str, str, object]]]) -> None:
        with self._production.connection() as connection:
            for method, path, data in requests():
                began = time.monotonic()
                try:
                    response = send(connection, method, path, data, self._token)
                    self.answers[response.status] += 1
                except (OSError, HTTPException) as error:
                    self.answers[repr(error)] += 1
                    connection.close()
                self.slowest = max(self.slowest, time.monotonic() - began)
                if self._stopped.wait(0.01):  # for the rollout, which needs the processors, too
                    return
