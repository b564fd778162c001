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
    """The process's engine, with a read-write and a read-only session factory.

    `sessions` writes in a transaction. `reads` refuses to write and has none: each statement stands for itself, which
    saves the round trips of BEGIN and ROLLBACK, and on SQLite the wait for a writer. Neither expires rows
    at commit, so that what was committed can be answered. Of the engines, which share their connections, the one for
    reads is the plain one, for what differs from it is set anew at each use; a write of one statement may use it too.
    """

    engine: AsyncEngine
    write_engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    reads: async_sessionmaker[AsyncSession]
    autocommit: bool
    """Whether `engine` commits each statement by itself; not through PgBouncer."""

    async def read(self, query: Executable, parameters: Mapping[str, object]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Run a column query without an ORM session, for queries that run on every request."""
        async with self.engine.connect() as connection:
            return (await connection.execute(query, parameters)).all()

    async def write(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Run one statement in a transaction of its own; return the rows that it returns."""
        async with self.engine.connect() as connection:
            result = await connection.execute(statement, parameters)
            rows = result.all() if result.returns_rows else []
            if not self.autocommit:
                await connection.commit()
        return rows


def build_database(settings: DatabaseSettings) -> Database:
    """Create the engine; it connects on the first query. Close it with `database.engine.dispose()`."""
    engine, writes = create_engines(settings)
    kept: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}
    return Database(
        engine,
        writes,
        async_sessionmaker(writes, sync_session_class=WriteSession, **kept),
        async_sessionmaker(engine, class_=ReadSession, **kept),
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
