"""Fixtures. Each test gets its own migrated database, once on SQLite and once on PostgreSQL, and the running app on it.

    client                     the app over HTTP, as nobody
    as_ada, as_bob, as_admin   the same, signed in
    ada, bob, admin            who they are
    start_app(server={...})    the app with other settings
    start_server(LOG_LEVEL=…)  a real server process, for what only a process can show

`tests/support.py` has the functions that tests call. `pytest --database sqlite` is quicker; the default is both.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import migrate
from app.accounts.models import User
from app.main import create_app
from app.settings import DatabaseSettings, Settings, all_settings, load_settings
from tests.postgres import NoPostgres, new_database, running_postgres
from tests.support import add_user, sign_in

DATABASES = ("sqlite", "postgresql")

# A hash costs as little as can be: the tests make hundreds.
CHEAP_HASHES = {"argon2_memory_kib": 8, "argon2_time_cost": 1}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=[*DATABASES, "both"], default="both", help="run on which (default: both)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that needs a database on each."""
    if "database_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        metafunc.parametrize("database_kind", DATABASES if chosen == "both" else [chosen])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start one PostgreSQL for all workers of pytest-xdist; alone, the fixture below starts it when it is needed."""
    if config.getoption("--database") != "sqlite":
        stack = ExitStack()
        config.add_cleanup(stack.close)
        with suppress(NoPostgres):  # each worker will find the same, and say so
            os.environ["TEST_DATABASE_URL"] = stack.enter_context(running_postgres())


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server; without one the test is skipped, but not where CI=true says that all must run."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(running_postgres())
        except NoPostgres as reason:
            missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            missing(str(reason))
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> Iterator[str]:
    """Name of a migrated database, of which each test gets a copy."""
    with new_database(postgres) as url:
        migrate.upgrade(DatabaseSettings(url=url))
        yield url.rpartition("/")[2]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated file, of which each test gets a copy."""
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    migrate.upgrade(DatabaseSettings(url=f"sqlite:///{path}"))
    return path


@pytest.fixture
def database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a migrated database that is empty and only this test's."""
    if database_kind == "sqlite":
        path = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "test.db")
        yield f"sqlite:///{path}"
        return
    server, template = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template")
    with new_database(server, template) as url:
        yield url


@pytest.fixture
def empty_database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database without any table."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with new_database(request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture(autouse=True)
def clean_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of this machine: environment, `.env` and folder of secrets."""
    for setting in all_settings():
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make_settings(database_url: str) -> Callable[..., Settings]:
    """Make the settings of a test: `make_settings(auth={"refresh_grace": 0})` changes that one only."""

    def make(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "environment": "test",
            "secret_key": "the tests' secret key: it protects nothing",
            "database": {"url": database_url},
            "auth": CHEAP_HASHES,
        }
        for name, change in changes.items():
            values[name] = {**values.get(name, {}), **change} if isinstance(change, dict) else change
        return load_settings(**values)

    return make


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture
def start_app(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., TestClient]]:
    """Start the app, with changed settings: `start_app(server={"max_body_bytes": 2048})`."""
    with ExitStack() as running:

        def start(**changes: Any) -> TestClient:
            app = create_app(make_settings(**changes))
            return running.enter_context(TestClient(app, follow_redirects=False))

        yield start


@pytest.fixture
def client(start_app: Callable[..., TestClient]) -> TestClient:
    return start_app()


@pytest.fixture
def ada(client: TestClient) -> User:
    return add_user(client, "ada@example.com")


@pytest.fixture
def bob(client: TestClient) -> User:
    return add_user(client, "bob@example.com")


@pytest.fixture
def admin(client: TestClient) -> User:
    return add_user(client, "admin@example.com", admin=True)


@pytest.fixture
def as_ada(client: TestClient, ada: User) -> TestClient:
    return sign_in(client, ada)


@pytest.fixture
def as_bob(client: TestClient, bob: User) -> TestClient:
    return sign_in(client, bob)


@pytest.fixture
def as_admin(client: TestClient, admin: User) -> TestClient:
    return sign_in(client, admin)
