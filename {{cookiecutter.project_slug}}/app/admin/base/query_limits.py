"""Query timeouts and approximate row counts."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

from app.admin.formatting import format_number
from app.i18n import gettext, gettext_noop

T = TypeVar("T")

STATEMENT_TIMEOUT_MS = 1000
"""Timeout on PostgreSQL for the rows of a page, again for their count, and for each number of the dashboard."""


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
    """Limit the run time of statements on PostgreSQL. SQLite has no such limit.

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


async def result_in_time(session: AsyncSession, query: Awaitable[T]) -> T | None:
    """Return the result of a query, or None after a timeout. The transaction stays usable."""
    try:
        async with statement_timeout_in_savepoint(session):
            return await query
    except QueryTimeout:
        return None
