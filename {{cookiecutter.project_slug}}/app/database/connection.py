"""The database of a process: its engines and session factories."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, Row
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

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
    sessions: async_sessionmaker[AsyncSession]
    read_sessions: async_sessionmaker[AsyncSession]
    autocommit: bool
    """Whether `engine` commits each statement automatically; not through PgBouncer."""

    async def fetch_all(self, query: Executable, parameters: Mapping[str, object]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Run a column query without an ORM session, for queries that run on every request."""
        async with self.engine.connect() as connection:
            return (await connection.execute(query, parameters)).all()

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
    options: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}
    return Database(
        engine,
        writes,
        async_sessionmaker(writes, sync_session_class=WriteSession, **options),
        async_sessionmaker(engine, class_=ReadSession, **options),
        autocommit=not settings.uses_pgbouncer,
    )


@asynccontextmanager
async def open_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """Context manager that opens and closes the database."""
    database = build_database(settings)
    try:
        yield database
    finally:
        await database.engine.dispose()
