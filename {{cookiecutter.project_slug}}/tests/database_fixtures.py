"""Database fixtures: the suite runs on SQLite and PostgreSQL, and each test starts with an empty database.

One database of each type is migrated, with the project's own migrations, and its rows are deleted before each test.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from app.database import migrate
from app.database.base import Base
from app.database.connection import build_database
from app.settings.config import DatabaseSettings
from tests.postgres import PostgresNotAvailable, new_database, running_postgres
from tests.sample import create_table
from tests.sample.sample_notes.models import TABLES

DATABASES = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=[*DATABASES, "both"], default="both", help="database to test (default: both)"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "database(name): run on this database only")
    config.addinivalue_line("markers", "any_database: run on one database only, because the test doesn't depend on it")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that use a database on each selected one, unless a marker limits them."""
    if "database_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        mark = metafunc.definition.get_closest_marker("database")
        possible = mark.args if mark else DATABASES
        kinds = [kind for kind in possible if chosen in {kind, "both"}] or possible
        once = metafunc.definition.get_closest_marker("any_database")
        metafunc.parametrize("database_kind", kinds[:1] if once else kinds)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of databases that were not selected."""
    chosen = config.getoption("--database")
    if chosen == "both":
        return
    kinds = {item: item.callspec.params.get("database_kind", chosen) for item in items if hasattr(item, "callspec")}
    config.hook.pytest_deselected(items=[item for item, kind in kinds.items() if kind != chosen])
    items[:] = [item for item in items if kinds.get(item, chosen) == chosen]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start one PostgreSQL for all pytest-xdist workers; without them, the fixture below starts it on demand."""
    if config.getoption("--database") != "sqlite":
        stack = ExitStack()
        config.add_cleanup(stack.close)
        with suppress(PostgresNotAvailable):  # each worker reports it
            os.environ["TEST_DATABASE_URL"] = stack.enter_context(running_postgres())


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server; without one the test is skipped or, with CI=true, fails."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(running_postgres())
        except PostgresNotAvailable as reason:
            missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            missing(str(reason))
        yield url


@pytest.fixture(scope="session")
def shared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    with _migrated(f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'shared.db'}") as emptied:
        yield emptied


@pytest.fixture(scope="session")
def shared_postgresql(postgres: str) -> Iterator[Callable[[], str]]:
    with new_database(postgres) as url, _migrated(url) as emptied:
        yield emptied


@contextmanager
def _migrated(url: str) -> Iterator[Callable[[], str]]:
    """Migrate a database; yield a function that deletes its rows and returns its URL."""
    database = build_database(_migrate(url))
    tables = [*Base.metadata.sorted_tables, *TABLES.sorted_tables]
    circular = [key.parent for table in tables for key in table.foreign_keys if key.use_alter]
    cleared = [f'UPDATE "{column.table.name}" SET "{column.name}" = NULL' for column in circular]  # noqa: S608 - the models' names
    script = "; ".join([*cleared, *(str(table.delete()) for table in reversed(tables))])

    async def delete_rows() -> None:
        async with database.engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await (raw.executescript if hasattr(raw, "executescript") else raw.execute)(f"BEGIN; {script}; COMMIT")

    with start_blocking_portal() as portal:  # one loop, so that the connection can stay open

        def emptied() -> str:
            portal.call(delete_rows)
            return url

        yield emptied
        portal.call(database.engine.dispose)


def _migrate(url: str) -> DatabaseSettings:
    settings = DatabaseSettings(url=url)
    migrate.upgrade(settings)
    asyncio.run(create_table(settings))
    return settings


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """URL of an empty, migrated database. Tests that change its schema use `own_database_url`."""
    emptied: Callable[[], str] = request.getfixturevalue(f"shared_{database_kind}")
    return emptied()


@pytest.fixture
def own_database_url(empty_database_url: str) -> str:
    """URL of an empty, migrated database for this test only."""
    _migrate(empty_database_url)
    return empty_database_url


@pytest.fixture
def empty_database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database without tables."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with new_database(request.getfixturevalue("postgres")) as url:
        yield url
