"""The database of a process: its engines and session factories."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, Row, Select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from app.database.driver import Driver
from app.database.engine import create_engines
from app.database.sessions import ReadSession, WriteSession
from app.settings.config import DatabaseSettings


@dataclass(frozen=True, slots=True)
class Database:
    """The process's engines, with a read-write and a read-only session factory.

    Sessions of `sessions` open a transaction. Those of `read_sessions` reject writes and run each statement on its
    own, which saves the round trips of BEGIN and ROLLBACK, and on SQLite the wait for a writer. Neither expires rows
    on commit, so a route can return what it saved.

    Both engines share a connection pool. `engine` is for reads and for single statements; `write_engine` is a copy
    whose options are applied each time it checks out a connection.
    """

    engine: AsyncEngine
    write_engine: AsyncEngine
    sessions: async_sessionmaker[WriteSession]
    read_sessions: async_sessionmaker[ReadSession]
    driver: Driver | None
    """Executes frequent statements (`app/database/rows.py`); None if `DATABASE_DRIVER_EXECUTION` disables it."""
    autocommit: bool
    """Whether `engine` commits each statement automatically; not through PgBouncer."""
    services: dict[str, Any]
    """What functions that take a session need from the process, such as the broker of `app/live`."""
    replica: "Database | None" = None
    """The read replica, if DATABASE_READ_URL is set. Its rows can be older."""

    async def fetch_all(self, query: Select[*tuple[Any, ...]], parameters: Mapping[str, object]) -> Sequence[Any]:
        """Run a constant query with `bindparam`s without a session, for queries that run on every request.

        Rows have the columns as attributes.
        """
        if self.driver and (statement := self.driver.compile(query, lambda: (query, [*query.selected_columns]))):
            return statement.as_tuples(await self.driver.fetch(statement, statement.bind(parameters)))
        async with self.engine.connect() as connection:
            rows: Sequence[Any] = (await connection.execute(query, parameters)).all()
        return rows

    async def execute(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Run one statement in its own transaction and return the rows it returns."""
        async with self.engine.connect() as connection:
            result = await connection.execute(statement, parameters)
            rows = result.all() if result.returns_rows else []
            if not self.autocommit:
                await connection.commit()
        return rows


def build_database(settings: DatabaseSettings) -> Database:
    """Create the engines; they connect on the first query. Close them with `database.engine.dispose()`."""
    engine, writes = create_engines(settings)
    has_driver = settings.driver_execution and not settings.uses_pgbouncer
    driver = Driver(engine, writes, settings) if has_driver else None
    services: dict[str, Any] = {"driver": driver}
    options: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False, "info": services}
    return Database(
        engine,
        writes,
        async_sessionmaker(writes, class_=WriteSession, **options),
        async_sessionmaker(engine, class_=ReadSession, **options),
        driver,
        autocommit=not settings.uses_pgbouncer,
        services=services,
        replica=build_database(replica) if (replica := settings.for_replica()) else None,
    )


@asynccontextmanager
async def open_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """Context manager that opens and closes the database."""
    database = build_database(settings)
    try:
        yield database
    finally:
        await asyncio.sleep(0)  # for `Driver`, which returns connections as soon as the event loop continues
        await database.engine.dispose()
        if database.replica:
            await database.replica.engine.dispose()
