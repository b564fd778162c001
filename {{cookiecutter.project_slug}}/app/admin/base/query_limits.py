"""Query timeouts and approximate row counts."""

import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

from app.formatting import format_number
from app.i18n import gettext, gettext_noop

T = TypeVar("T")

STATEMENT_TIMEOUT_MS = 1000
"""Timeout for each number of the dashboard; on PostgreSQL also for the rows of a page, and again for their count."""

_SQLITE_STEPS = 100_000
"""Steps of SQLite's virtual machine, a few milliseconds, after which it looks at the clock."""
_SQLITE_INTERRUPT = 9  # https://www.sqlite.org/rescode.html#interrupt


class QueryTimeout(HTTPException):
    """The search timed out."""

    message = gettext_noop("The search timed out because the table is large. Narrow the search, or add an index.")

    def __init__(self) -> None:
        super().__init__(400, gettext(self.message))


class LowerBound(int):
    """A row count that stopped at a limit."""

    def __str__(self) -> str:
        return gettext("more than %(count)s", count=format_number(int(self) - 1))

    def __format__(self, format_spec: str) -> str:
        return str(self)


class Estimate(int):
    """A row count estimated by PostgreSQL (`reltuples`)."""

    def __str__(self) -> str:
        return gettext("about %(count)s", count=format_number(round(int(self), 3 - len(repr(int(self))))))

    __format__ = LowerBound.__format__


@asynccontextmanager
async def statement_timeout(session: AsyncSession) -> AsyncIterator[None]:
    """Limit the run time of statements on PostgreSQL.

    Raises:
        QueryTimeout: the transaction or savepoint must be rolled back.
    """
    if session.get_bind().dialect.name != "postgresql":
        yield
        return
    await session.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}"))
    try:
        yield
    except DBAPIError as error:
        # https://www.postgresql.org/docs/current/errcodes-appendix.html
        if getattr(error.orig, "sqlstate", None) == "57014":
            raise QueryTimeout from error
        raise
    await session.execute(text("SET LOCAL statement_timeout TO DEFAULT"))  # for writes that follow


@asynccontextmanager
async def statement_timeout_in_savepoint(session: AsyncSession) -> AsyncIterator[None]:
    """Limit the run time in a savepoint, so that the transaction stays usable after a timeout.

    Raises:
        QueryTimeout: see `statement_timeout`.
    """
    async with session.begin_nested(), statement_timeout(session):
        yield


@asynccontextmanager
async def _sqlite_timeout(session: AsyncSession) -> AsyncIterator[None]:
    """Limit the run time of these statements on SQLite, which has no setting for it.

    Raises:
        QueryTimeout: see `statement_timeout`.
    """
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    deadline = time.monotonic() + STATEMENT_TIMEOUT_MS / 1000
    await driver.set_progress_handler(lambda: time.monotonic() > deadline, _SQLITE_STEPS)
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == _SQLITE_INTERRUPT:
            raise QueryTimeout from error
        raise
    finally:
        await driver.set_progress_handler(None, 0)


async def result_in_time(session: AsyncSession, query: Awaitable[T]) -> T | None:
    """Return the result of a query, or None after a timeout. The transaction stays usable."""
    try:
        async with statement_timeout_in_savepoint(session), _sqlite_timeout(session):
            return await query
    except QueryTimeout:
        return None
