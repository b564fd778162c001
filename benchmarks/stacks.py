"""Contestants: the generated project, and small apps of other stacks with the same rows."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import fireup
from benchmarks.load import CLIENT_CORE, on_cores
from benchmarks.servers import BASE_URL, Contestant
from benchmarks.workloads import BY_OFFSET, PAGES, READS, RESOURCE, WORKLOADS, Workload
from tests.serving import environment, run_in

APPS = Path(__file__).with_name("contestants")
HELLO = Path(__file__).with_name("hello")
"""A feature with an ordinary route."""
SETTINGS = {
    # As docs/deploying.md says.
    "ENVIRONMENT": "production",
    "BASE_URL": BASE_URL,
    "SERVER_TRUSTED_PROXIES": "127.0.0.1",
    "SECRET_KEY": "a key of the benchmark, which protects nothing",
    "AUTH_ACCESS_TOKEN_TTL": "8h",  # longer than a run
    "AUTH_IP_ATTEMPTS_PER_MINUTE": "1000000",  # all requests come from one IP address
    "AUTH_LOGIN_ATTEMPTS": "1000000",
}
BUILD_APP = "app.commands.asgi:build_app"
"""The project's app, for servers that call a factory."""
OURS = "generated project"
TWO_PROCESSES = f"{OURS}, 2 processes"
ON_SQLITE = f"{OURS}, SQLite"
REFERENCE = "L4 FastAPI + SQLAlchemy ORM"
LIMIT = "L0 bare ASGI + asyncpg"
SQLMODEL = "FastAPI + SQLModel, count and offset"
"""The stack of full-stack-fastapi-template."""
UVICORN = (
    *("uvicorn", "benchmarks.contestants.{app}:app", "--port", "{port}", "--loop", "uvloop"),
    *("--http", "httptools", "--no-access-log", "--log-level", "warning"),
)
GUNICORN = (
    *("gunicorn", "benchmarks.contestants.{app}:app", "--bind", "127.0.0.1:{port}"),
    *("--worker-class", "gthread", "--threads", "4", "--keep-alive", "75"),
)


class Stack(NamedTuple):
    """A small app: its module, server and workloads."""

    app: str
    server: Sequence[str] = UVICORN
    workloads: Mapping[str, Workload] = WORKLOADS


STACKS = {
    LIMIT: Stack("bare_asgi"),
    "L1 Starlette + asyncpg": Stack("starlette_asyncpg"),
    "L2 FastAPI + asyncpg": Stack("fastapi_asyncpg"),
    "lean: FastAPI + SQLAlchemy's pool + asyncpg": Stack("fastapi_lean", workloads=READS),
    "L3 FastAPI + SQLAlchemy Core": Stack("fastapi_core"),
    REFERENCE: Stack("fastapi_orm", workloads=PAGES),
    "L5 Litestar + SQLAlchemy ORM": Stack("litestar_orm"),
    SQLMODEL: Stack("fastapi_sqlmodel", workloads=BY_OFFSET),
    "Django + REST framework, count and offset": Stack("django_drf", GUNICORN, BY_OFFSET),
}


class Filled:
    """A database with rows, and the process that created it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = self._read()

    def tidy(self) -> None:
        """Delete what was written."""
        self._write("tidy")
        self._read()

    def count_statements(self) -> dict[str, int]:
        """Return the SQL statements per workload in the generated project."""
        self._write("count")
        found: dict[str, int] = json.loads(self._read())
        return found

    def grow(self, rows: int) -> None:
        """Add notes up to this number; requires `scale_inside`."""
        self._write(str(rows))
        self._read()

    def _write(self, word: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the process in the project failed: see its output above"
        return line.strip()


class Project:
    """A new project with a resource, and a feature without a table; served as in production."""

    def __init__(self, folder: Path) -> None:
        self.folder = fireup.generate(folder / "my_project", {})
        self.python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
        self.variables = {**environment(), **SETTINGS}
        # A copy, because Python writes bytecode next to the modules.
        shutil.copytree(APPS.parent, folder / APPS.parent.name)
        # For modules that import both the project and the benchmarks.
        paths = f"{self.folder}{os.pathsep}{folder}"
        self.inside_variables = {**self.variables, "PYTHONPATH": paths}
        self.add(RESOURCE)
        shutil.copytree(HELLO, self.folder / "app" / "features" / HELLO.name)

    def add(self, resource: Sequence[str]) -> None:
        """Create a resource."""
        command = [self.python, "-m", "app", "new", "resource", *resource]
        path = f"{Path(self.python).parent}:{os.environ['PATH']}"
        done = run_in(self.folder, command, PATH=path)
        assert done.returncode == 0, done.stdout

    @contextmanager
    def filled(
        self, *, server: str = "", file: str = "", inside: str = "requests_inside"
    ) -> Iterator[Filled]:
        """Create a database. A PostgreSQL server runs on the core that contestants don't use."""
        variables = dict(self.inside_variables)
        variables |= {"TEST_DATABASE_URL": server} if server else {}
        command = [self.python, "-m", f"benchmarks.{inside}", *filter(None, [file])]
        with (
            on_cores(CLIENT_CORE),
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as process,
        ):
            yield Filled(process)

    def contestant(self, name: str, url: str, *options: str) -> Contestant:
        """Serve it as its README says, with only the settings of the benchmark."""
        command = [self.python, "-m", "app", "serve", "--port", "{port}", *options]
        variables = {**self.variables, "DATABASE_URL": url}
        return Contestant(name, command, self.folder, variables, workloads=PAGES, browser=True)

    def contestants(self, postgresql: str, sqlite: str) -> list[Contestant]:
        """Return all ways of serving it."""
        ours = self.contestant(OURS, postgresql)
        two = self.contestant(TWO_PROCESSES, postgresql, "--workers", "2")
        return [
            ours,
            replace(two, workers=2),
            self._under_granian(ours),
            self.contestant(ON_SQLITE, sqlite),
        ]

    def _under_granian(self, ours: Contestant) -> Contestant:
        """Serve it with Granian, which the project doesn't install."""
        extra = str(self.folder.parent / "granian")
        pins = ["--constraints", str(APPS / "requirements.txt")]
        command = [fireup.dev.find_uv(), "pip", "install", "-q", "--python", self.python]
        subprocess.run([*command, "--no-deps", "--target", extra, *pins, "granian"], check=True)
        serve = [self.python, "-m", "granian", "--interface", "asgi", "--port", "{port}"]
        return replace(
            ours,
            name=f"{OURS}, Granian",
            command=[*serve, "--factory", BUILD_APP],
            variables={**ours.variables, "PYTHONPATH": extra},
        )


def small_apps(project: Project, url: str) -> dict[str, Contestant]:
    """Return the small apps, all served the same way."""
    python = fireup.install(APPS / "requirements.txt")
    variables = {**project.variables, "DATABASE_URL": url}
    found = {}
    for name, stack in STACKS.items():
        command = [python, "-m", *(word.replace("{app}", stack.app) for word in stack.server)]
        folder = project.folder.parent
        found[name] = Contestant(name, command, folder, variables, workloads=stack.workloads)
    return found
