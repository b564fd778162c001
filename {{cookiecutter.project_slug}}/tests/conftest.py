"""Fixtures. Each test runs with an empty, migrated database, once on SQLite and once on PostgreSQL.

    client                     HTTP client of the app, not signed in
    as_ada, as_bob, as_admin   clients that are signed in
    ada, bob, admin            their users
    start_app(server={...})    a client of the app with other settings
    add_routes(router)         adds routes to the app for this test
    start_server(LOG_LEVEL=…)  a real server process on the same database

`tests/support.py` has functions for tests, `tests/database_fixtures.py` the database fixtures.
`pytest --database sqlite` is faster; the default is both. With TEST_DRIVER_EXECUTION=false, SQLAlchemy executes all
statements (`app/database/driver.py`).
"""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient

from app.accounts.models import User
from app.main import create_app, lifespan
from app.settings.config import Settings, all_settings, load_settings
from tests import sample
from tests.server import Server, running_server
from tests.support import DRIVER_EXECUTION, add_user, another_client, sign_in

pytest_plugins = ["tests.database_fixtures"]

sample.add_to_app()

# Minimal hashing cost, because the tests create hundreds of hashes.
CHEAP_HASHES = {"argon2_memory_kib": 8, "argon2_time_cost": 1, "login_min_response_time": 0}

BUILT_IN = {"api", "base_url", "environment", "project_name", "server"}
"""Settings read at startup; the others are read at runtime."""


def pytest_configure() -> None:
    """Pin each pytest-xdist worker to a CPU: switching between threads on different CPUs takes twice as long."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if worker and hasattr(os, "sched_setaffinity"):  # Linux
        cpus = sorted(os.sched_getaffinity(0))
        if int(os.environ["PYTEST_XDIST_WORKER_COUNT"]) >= len(cpus):
            os.sched_setaffinity(0, {cpus[int(worker) % len(cpus)]})


def pytest_collection_finish() -> None:
    """Freeze long-lived objects (`gc.freeze`) and collect rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate tests from the machine's settings: environment, `.env` and secrets directory."""
    for setting in all_settings():
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.delenv("PORT", raising=False)
    if not DRIVER_EXECUTION:
        monkeypatch.setenv("DATABASE_DRIVER_EXECUTION", "false")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make_settings(database_url: str) -> Callable[..., Settings]:
    """Return settings for a test, with overrides: `make_settings(auth={"refresh_grace": 0})`."""
    return partial(_make_settings, database_url)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return _usual_settings(database_url)


def _make_settings(database_url: str, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "environment": "test",
        "secret_key": "the tests' secret key: it protects nothing",
        "database": {"url": database_url},
        "auth": CHEAP_HASHES,
        "jobs": {"in_server": False},  # so that `emails_to` finds emails; `run_jobs` runs jobs
        "files": {"url": os.environ.get("TEST_FILES_URL", "memory:")},
    }
    for name, change in changes.items():
        values[name] = {**values.get(name, {}), **change} if isinstance(change, dict) else change
    return load_settings(**values)


_usual_settings = lru_cache(_make_settings)


@lru_cache(maxsize=32)
def build_app(settings: Settings) -> FastAPI:
    """Build the app, once for equal settings; its lifespan creates everything that has state."""
    return create_app(settings)


@pytest.fixture(scope="session")
def running_apps() -> Iterator[Callable[[Settings], TestClient]]:
    """Start an app per settings, on the server's type of event loop; it runs until the tests end."""
    options = {"use_uvloop": find_spec("uvloop") is not None}
    with ExitStack() as running:

        @lru_cache
        def run(settings: Settings) -> TestClient:
            return running.enter_context(TestClient(create_app(settings), backend_options=options))

        yield run


@pytest.fixture
def client(running_apps: Callable[[Settings], TestClient], settings: Settings) -> TestClient:
    return another_client(running_apps(settings))


@pytest.fixture
def start_app(
    make_settings: Callable[..., Settings], running_apps: Callable[[Settings], TestClient]
) -> Iterator[Callable[..., TestClient]]:
    """Start the app, with changed settings: `start_app(server={"max_body_bytes": 2048})`."""
    with ExitStack() as running:

        def start(**changes: Any) -> TestClient:
            settings = make_settings(**changes)
            if changes.keys() & BUILT_IN:
                return running.enter_context(TestClient(build_app(settings), follow_redirects=False))
            client = another_client(running_apps(make_settings()))
            assert client.portal is not None
            opening = client.portal.wrap_async_context_manager(lifespan(settings))
            client.app_state.update(running.enter_context(opening))
            return client

        yield start


@pytest.fixture
def add_routes(client: TestClient) -> Iterator[Callable[[APIRouter], None]]:
    """Add routes before those of the running app until the test ends."""
    app: Any = client.app
    own = list(app.router.routes)

    def add(router: APIRouter) -> None:
        app.include_router(router)
        app.router.routes.insert(0, app.router.routes.pop())

    yield add
    app.router.routes[:] = own


@pytest.fixture
def start_server(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a real server, with settings as environment variables: `start_server(SERVER_WORKERS="2")`."""
    with ExitStack() as running:
        yield lambda **changes: running.enter_context(
            running_server(tmp_path, **{"DATABASE_URL": database_url, **changes})
        )


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
