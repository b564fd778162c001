"""Statements executed by the database driver, on the connections of SQLAlchemy's pool.

Most requests consist of a few short statements, for which SQLAlchemy's execution takes longer than the database does:
`app/database/rows.py` executes them here. The pool, SQL, types, errors, events and log are SQLAlchemy's.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, TypeVar

from sqlalchemy import Executable, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import MissingGreenlet, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from app.database.outages import WAS_CANCELED, as_sqlalchemy_error, is_canceled, is_read_only
from app.database.statement_log import StatementLog
from app.database.statements import Columns, CompiledStatement, UnsupportedStatement
from app.settings.config import DatabaseSettings

T = TypeVar("T")
Rows = Sequence[Sequence[Any]]

_FAILED = "a statement of this transaction failed: roll back before continuing (`await session.rollback()`)"
_NONE_FREE = "no database connection became free in time"
_MAX_STATEMENTS = 1_000  # there is one per statement in the code and combination of its optional parts
_logger = logging.getLogger("sqlalchemy.engine.Engine")


class Driver:
    """The asyncpg or aiosqlite connections of an engine."""

    def __init__(self, engine: AsyncEngine, write_engine: AsyncEngine, settings: DatabaseSettings) -> None:
        self._engine, self.write_engine = engine, write_engine.sync_engine
        self._statements: dict[object, CompiledStatement | None] = {}
        self.is_asyncpg = engine.dialect.driver == "asyncpg"
        # Statements wait here, because waiting in SQLAlchemy's pool takes longer than a statement.
        self._slots, self._timeout = asyncio.Semaphore(settings.pool_size), settings.pool_timeout.total_seconds()
        self._spare: PoolProxiedConnection | None = None
        self.waits = 0
        """How often a statement or transaction had to wait for a connection."""
        self._may_connect = True
        event.listen(engine.sync_engine, "do_connect", self._check_may_connect)
        self._log = StatementLog(settings.slow_statements)

    def compile(
        self, key: object, build: Callable[[], tuple[Executable, Columns]], shape: Sequence[Any] = ()
    ) -> CompiledStatement | None:
        """Return a statement, compiled once per key; None if only SQLAlchemy can execute it."""
        if key in self._statements:
            return self._statements[key]
        if len(self._statements) >= _MAX_STATEMENTS:
            self._statements.clear()
        try:
            self._statements[key] = CompiledStatement(*build(), shape, self._engine.dialect)
        except (UnsupportedStatement, SQLAlchemyError):
            self._statements[key] = None
        return self._statements[key]

    async def fetch(self, statement: CompiledStatement, values: Sequence[object]) -> Rows:
        """Execute a statement outside a transaction and return its rows."""
        connection = await self._connect()
        try:
            rows = await self.execute(connection, statement.sql, values)
        except BaseException:
            self.release(connection)
            raise
        self._release_soon(connection)
        return rows

    async def begin(self) -> "DriverTransaction":
        """Begin a transaction that writes."""
        transaction = DriverTransaction(self, await self._connect())
        await transaction.begin()
        return transaction

    def release(self, connection: PoolProxiedConnection) -> None:
        """Return a connection to the pool."""
        try:
            connection.close()
        finally:
            self._slots.release()

    def _release_soon(self, connection: PoolProxiedConnection) -> None:
        """Return a connection to the pool as soon as the event loop continues; until then, it can be taken again.

        So the caller's check and the statement that follows it need one checkout, which takes as long as a statement.
        """
        if self._spare is not None or self._slots.locked():
            self.release(connection)
            return
        self._spare = connection
        asyncio.get_running_loop().call_soon(self._release_spare)

    def _release_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            self.release(spare)

    async def _connect(self) -> PoolProxiedConnection:
        spare, self._spare = self._spare, None
        if spare is not None:
            return spare
        if self._slots.locked():
            self.waits += 1
            try:
                async with asyncio.timeout(self._timeout):
                    await self._slots.acquire()
            except TimeoutError as error:
                raise PoolTimeout(_NONE_FREE) from error
        else:
            await self._slots.acquire()
        try:
            return await self._check_out()
        except BaseException:
            self._slots.release()
            raise

    async def _check_out(self) -> PoolProxiedConnection:
        """Check out a connection; if one is idle, without a greenlet, which takes as long as a short statement."""
        self._may_connect = False
        try:
            return self._engine.pool.connect()
        except MissingGreenlet:  # the pool has to wait for a connection or to open one
            pass
        finally:
            self._may_connect = True
        try:
            return await self._engine.raw_connection()
        except SQLAlchemyError:  # from `TranslatingPool`
            raise
        except Exception as error:
            raise as_sqlalchemy_error(error, "connect", is_disconnect=False) from error

    def _check_may_connect(self, *_: object) -> None:
        if not self._may_connect:  # SQLAlchemy would raise it later, and leave a coroutine that was never awaited
            raise MissingGreenlet

    async def execute(self, connection: PoolProxiedConnection, sql: str, values: Sequence[object] = ()) -> Rows:
        """Execute SQL and return its rows, with SQLAlchemy's log and events.

        Raises:
            DatabaseUnavailable: the database is temporarily unavailable.
            IntegrityError: a constraint rejected a write.
            DBAPIError: any other error of the driver.
        """
        if _logger.isEnabledFor(logging.INFO):
            _logger.info("%s\n[parameters hidden]", sql)
        events = self._engine.sync_engine.dispatch
        if not (events.before_cursor_execute or events.after_cursor_execute):
            return await self.run(connection, self._fetch(connection, sql, values), sql)
        context = SimpleNamespace(dialect=self._engine.dialect, statement=sql, parameters=values)
        arguments = (Connection(self._engine.sync_engine, connection), None, sql, tuple(values), context, False)
        events.before_cursor_execute(*arguments)
        try:
            return await self.run(connection, self._fetch(connection, sql, values), sql)
        finally:
            events.after_cursor_execute(*arguments)

    def _fetch(self, connection: PoolProxiedConnection, sql: str, values: Sequence[object]) -> Awaitable[Rows]:
        driver: Any = connection.driver_connection
        rows: Awaitable[Rows] = driver.fetch(sql, *values) if self.is_asyncpg else driver.execute_fetchall(sql, values)
        return rows

    async def run(self, connection: PoolProxiedConnection, operation: Awaitable[T], sql: str) -> T:
        """Await an operation of the driver; raise its errors as SQLAlchemy's.

        If the task is canceled, the connection stays usable: asyncpg cancels the statement in the server, and both
        drivers let the next operation wait until this one has ended.
        """
        started = time.perf_counter()
        try:
            return await operation
        except Exception as error:
            driver: Any = connection.driver_connection
            is_closed = self.is_asyncpg and driver.is_closed()
            is_unknown = is_closed or isinstance(error, TimeoutError) or is_canceled(error)
            if is_unknown or is_read_only(error):
                connection.invalidate(error)
            raise as_sqlalchemy_error(error, sql, is_disconnect=is_closed) from error
        finally:
            self._log.add(sql, time.perf_counter() - started)


class DriverTransaction:
    """A transaction, which an ORM session can join."""

    def __init__(self, driver: Driver, connection: PoolProxiedConnection) -> None:
        self._driver, self._connection = driver, connection
        self._joined: Connection | None = None
        self._has_failed = False

    async def begin(self) -> None:
        """Begin it; on SQLite, as the writer (see `engine.py`)."""
        connection: Any = self._connection.driver_connection
        try:
            if self._driver.is_asyncpg:
                self._transaction = connection.transaction(isolation="read_committed")
                await self._driver.run(self._connection, self._transaction.start(), "BEGIN")
            else:
                self._transaction = connection  # which has `commit` and `rollback`
                await self._driver.execute(self._connection, "BEGIN IMMEDIATE")
        except BaseException:  # perhaps it has begun
            self._connection.info[WAS_CANCELED] = True
            with suppress(Exception):
                await (connection.execute("ROLLBACK") if self._driver.is_asyncpg else connection.rollback())
            self._driver.release(self._connection)
            raise

    async def fetch(self, statement: CompiledStatement, values: Sequence[object]) -> Rows:
        """Execute a statement and return its rows."""
        try:
            return await self._driver.execute(self._connection, statement.sql, values)
        except BaseException:
            self._has_failed = True
            raise

    def join(self) -> Connection:
        """Return SQLAlchemy's connection in this transaction; on PostgreSQL, it works in a savepoint."""
        self._joined = self._joined or Connection(self._driver.write_engine, self._connection)
        return self._joined

    async def end(self, *, commit: bool) -> None:
        """Commit or roll back, and return the connection to the pool.

        Raises:
            PendingRollbackError: a statement failed, so it can't be committed; PostgreSQL would roll back silently.
        """
        commits = commit and not self._has_failed
        try:
            if self._connection.is_valid:
                operation = self._transaction.commit() if commits else self._transaction.rollback()
                await self._driver.run(self._connection, operation, "COMMIT" if commits else "ROLLBACK")
        finally:
            self._driver.release(self._connection)
        if commit and self._has_failed:
            raise PendingRollbackError(_FAILED)
