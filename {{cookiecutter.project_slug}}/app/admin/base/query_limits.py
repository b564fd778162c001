"""Search timeouts, and approximate row counts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

STATEMENT_TIMEOUT_MS = 1000
"""How long PostgreSQL may search for the rows of a page, and then for how many there are."""


class QueryTimeout(HTTPException):
    """The search timed out."""

    message = "The search timed out because the table is large. Narrow the search, or add an index."

    def __init__(self) -> None:
        super().__init__(400, self.message)


class LowerBound(int):
    """A row count that stopped at a limit."""

    def __str__(self) -> str:
        return f"more than {int(self) - 1:,}"

    def __format__(self, format_spec: str) -> str:
        return str(self)


class Estimate(int):
    """A row count estimated by PostgreSQL (`reltuples`)."""

    def __str__(self) -> str:
        return f"about {round(int(self), 3 - len(repr(int(self)))):,}"

    __format__ = LowerBound.__format__


@asynccontextmanager
async def statement_timeout(session: AsyncSession) -> AsyncIterator[None]:
    """Read for as long as a person waits; SQLite knows no such bound.

    Raises:
        QueryTimeout: and the transaction is lost, or the savepoint.
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
    await session.execute(text("SET LOCAL statement_timeout TO DEFAULT"))  # an action goes on to write


@asynccontextmanager
async def statement_timeout_in_savepoint(session: AsyncSession) -> AsyncIterator[None]:
    """Do so in a savepoint: when it takes too long, the transaction goes on.

    Raises:
        QueryTimeout: see `bounded`.
    """
    async with session.begin_nested(), statement_timeout(session):
        yield
