"""The transaction of a request: committed before the response starts if it succeeds, rolled back if it does not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.requests import HTTPConnection
from starlette.types import Scope

_SESSION = "request_session"
"""The key in the state of a request."""


@asynccontextmanager
async def request_session(
    connection: HTTPConnection, sessions: async_sessionmaker[AsyncSession]
) -> AsyncIterator[AsyncSession]:
    """Return the session of this request, opened by whoever asks first; `end_session` ends it.

    An exception rolls back at once, even if its answer is a redirect, and leaves the connection to that answer.
    """
    state = connection.scope["state"]
    session: AsyncSession = state.get(_SESSION) or state.setdefault(_SESSION, sessions())
    try:
        yield session
    except BaseException:
        await end_session(connection.scope, commit=False)
        raise


async def end_session(scope: Scope, *, commit: bool) -> None:
    """Commit or roll back what the request did, and close its session for good."""
    session: AsyncSession | None = scope["state"].pop(_SESSION, None)
    if session is not None:
        async with session:
            if commit:
                await session.commit()
