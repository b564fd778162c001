"""Fixtures of databases: the whole suite runs on SQLite and on PostgreSQL, and each test gets a fresh copy.

A template is migrated once, by the project's own migrations; a copy of it takes milliseconds.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from app import migrate
from app.settings import DatabaseSettings
from tests.postgres import NoPostgres, new_database, renew_database, running_postgres

DATABASES = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=[*DATABASES, "both"], default="both", help="run on which (default: both)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "database(kind): run on this kind of database only")
    config.addinivalue_line("markers", "any_database: run on one, for the database makes no difference")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that needs a database on each that was chosen, unless a mark says otherwise."""
    if "database_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        mark = metafunc.definition.get_closest_marker("database")
        kinds = [kind for kind in (mark.args if mark else DATABASES) if chosen in {kind, "both"}]
        once = metafunc.definition.get_closest_marker("any_database")
        metafunc.parametrize("database_kind", kinds[:1] if once else kinds)


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
    """URL of a migrated database, of which each test gets a copy."""
    with new_database(postgres) as url:
        migrate.upgrade(DatabaseSettings(url=url))
        yield url


@pytest.fixture(scope="session")
def postgres_copy(postgres: str) -> Iterator[str]:
    """URL of the database that is replaced for each test."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated file, of which each test gets a copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(DatabaseSettings(url=f"sqlite:///{path}"))
    return path


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """URL of a migrated database without rows; it is always the same, so that `app_of` need not build anew."""
    if database_kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        for old in template.parent.glob("test.db*"):  # with its write-ahead log
            old.unlink()
        return f"sqlite:///{shutil.copy(template, template.with_name('test.db'))}"
    url: str = request.getfixturevalue("postgres_copy")
    renew_database(url, request.getfixturevalue("postgres_template"))
    return url


@pytest.fixture
def empty_database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database without any table."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with new_database(request.getfixturevalue("postgres")) as url:
        yield url
