"""Generated projects run: they are installed, served, checked and tested by their own suites.

The slow tests: the default project, the minimal one, each without one option, and newer Python
versions. test_generated.py checks the other combinations.
"""

import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.baking import MINIMAL, Answer, Bake
from tests.serving import Server, Visitor, run_dev, serving


@dataclass(frozen=True)
class Case:
    """Answers, a Python version (default: the current one), and which of its tests run: all."""

    answers: dict[str, Answer] = field(default_factory=dict)
    version: str = ""
    database: str = "sqlite"
    tests: tuple[str, ...] = ()

    def has(self, option: str) -> bool:
        """Return whether the option is on."""
        return self.answers.get(option, True) is True


WITH_PAGES = ("tests/features", "tests/mail", "tests/test_imports.py", "tests/web")
CASES = {
    "default": Case(database="both"),
    "minimal": Case({**MINIMAL}),
    "without-pages-3.12": Case({"pages": False}, "3.12"),
    # Default and minimal run the other tests, which neither pages nor the admin affect.
    "without-admin": Case({"admin": False}, tests=WITH_PAGES),
    "without-deploy-3.13": Case({"deploy": False}, "3.13", "postgresql"),  # includes all code
}


@dataclass(frozen=True)
class Running:
    """A project, its server, and the Python that started them."""

    case: Case
    project: Path
    python: str
    server: Server


@pytest.fixture(scope="module", params=CASES.values(), ids=list(CASES))
def running(
    request: pytest.FixtureRequest, bake: Bake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Generate, install and serve a project."""
    case: Case = request.param
    python = _find_python(case.version)
    project = bake(**case.answers)
    log = tmp_path_factory.mktemp("log") / "server.txt"
    with serving(project, log, python=python) as server:
        yield Running(case, project, python, server)


def test_printed_password_signs_in_to_the_admin(running: Running) -> None:
    visitor = Visitor(running.server.address)
    email, password = running.server.credentials()
    if not (running.case.has("pages") or running.case.has("admin")):
        assert visitor.get("/login").status == 404
        return

    failed = visitor.fill_in("/login", email=email, password="not the password")  # noqa: S106
    signed_in = visitor.fill_in("/login", email=email, password=password)

    assert "/login" in failed.url
    assert signed_in.status == 200
    assert "/login" not in signed_in.url
    if running.case.has("admin"):
        admin = visitor.get("/admin")
        assert admin.status == 200
        assert "/login" not in admin.url
    else:
        assert visitor.get("/admin").status == 404


def test_printed_password_returns_a_token_that_lists_notes(running: Running) -> None:
    visitor = Visitor(running.server.address)
    email, password = running.server.credentials()

    login = visitor.post_json("/api/v1/auth/login", {"email": email, "password": password})
    notes = visitor.get("/api/v1/notes", token=login.body["access_token"])

    assert notes.status == 200
    assert notes.body["items"] == []
    assert visitor.get("/api/v1/notes").status == 401


def test_pages_exist_if_the_option_is_on(running: Running) -> None:
    address = running.server.address

    home = Visitor(address).get("/")

    assert home.status == 200
    assert home.url == f"{address}/{'' if running.case.has('pages') else 'docs'}"


def test_setup_is_idempotent(running: Running) -> None:
    secret = (running.project / ".env").read_bytes()
    email, password = running.server.credentials()

    printed = run_dev(running.project, "app", "setup", python=running.python)

    login = {"email": email, "password": password}
    assert "nothing to do" in printed
    assert (running.project / ".env").read_bytes() == secret
    assert Visitor(running.server.address).post_json("/api/v1/auth/login", login).status == 200


def test_own_checks_pass(running: Running, type_cache: Path) -> None:
    run_dev(running.project, "check", python=running.python, MYPY_CACHE_DIR=str(type_cache))


def test_own_suite_passes_without_skips(running: Running) -> None:
    """With the default options in the default project; another project uses only PostgreSQL."""
    database = running.case.database
    chosen = [] if database == "both" else ["--database", database]
    chosen += running.case.tests
    workers = {"PYTEST_XDIST_AUTO_NUM_WORKERS": "2"} if database == "both" else {}

    printed = run_dev(running.project, "test", *chosen, python=running.python, **workers)

    assert " passed" in printed
    assert " skipped" not in printed


def _find_python(version: str) -> str:
    """Return the interpreter, from the PATH or the user's pyenv."""
    if not version or sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        return sys.executable
    owner = Path(pwd.getpwuid(os.getuid()).pw_dir)
    kept = sorted(owner.glob(f".pyenv/versions/{version}.*/bin/python"))
    python = kept[-1] if kept else shutil.which(f"python{version}")
    if python is None:
        pytest.skip(f"no CPython {version} on this machine")
    return str(python)
