"""FastAPI dependencies: database session, `ETag` and `If-Match` (RFC 9110 §13)."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Response
from fastapi.requests import HTTPConnection
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Scope

from app.database.connection import Database
from app.database.rows import Versioned
from app.database.sessions import WriteSession
from app.errors import VersionConflict

R = TypeVar("R", bound=Versioned)
_SESSION, _REPLICA_SESSION = "request_session", "replica_session"  # keys in the request's state


def get_database(connection: HTTPConnection) -> Database:
    """Return the database of this process."""
    database: Database = connection.scope["state"]["database"]  # faster than `connection.state`
    return database


def open_request_session(
    connection: HTTPConnection, sessions: Callable[[], AsyncSession], key: str = _SESSION
) -> AsyncSession:
    """Return the request's session, created on first use; `close_request_session` closes it."""
    state = connection.scope["state"]
    session: AsyncSession = state.get(key) or state.setdefault(key, sessions())
    return session


async def close_request_session(scope: Scope, *, commit: bool) -> None:
    """Commit or roll back the request's transaction and close its sessions."""
    state = scope["state"]
    session: AsyncSession | None = state.pop(_SESSION, None)
    if session is not None:
        try:
            if commit:
                await session.commit()
        finally:
            await session.close()
    if _REPLICA_SESSION in state:
        await state.pop(_REPLICA_SESSION).close()


# Without `yield`, which costs each request more than the session does.
async def get_session(connection: HTTPConnection) -> AsyncSession:
    """Dependency for the request's session; `request_cycle.py` commits and closes it. Read-only for GET and HEAD."""
    database = get_database(connection)
    is_read_only = connection.scope.get("method", "GET") in {"GET", "HEAD"}  # a WebSocket has no method
    return open_request_session(connection, database.read_sessions if is_read_only else database.sessions)


async def get_write_session(connection: HTTPConnection) -> AsyncSession:
    """Dependency for a read-write session, also for GET."""
    session = open_request_session(connection, get_database(connection).sessions)
    if isinstance(session, WriteSession):
        return session
    raise RuntimeError(
        "SessionDep already opened a read-only session: put WriteSessionDep first in the route's signature"
    )


async def get_replica_session(connection: HTTPConnection) -> AsyncSession:
    """Dependency for a read-only session on the read replica; without one, the request's session."""
    replica = get_database(connection).replica
    if replica is None:
        return await get_session(connection)
    return open_request_session(connection, replica.read_sessions, _REPLICA_SESSION)


async def _provide_database(connection: HTTPConnection) -> Database:
    return get_database(connection)  # async, because FastAPI calls plain functions in a thread


DatabaseDep = Annotated[Database, Depends(_provide_database)]

SessionDep = Annotated[AsyncSession, Depends(get_session)]

# For GET routes that write, such as OAuth callbacks. It must be the first parameter of the route, so that
# dependencies that use SessionDep share it.
WriteSessionDep = Annotated[AsyncSession, Depends(get_write_session)]

# For GET routes that may show rows as they were a moment ago. Checks of the caller, permissions and what a write
# depends on use SessionDep.
ReplicaSessionDep = Annotated[AsyncSession, Depends(get_replica_session)]

IfMatch = Annotated[
    str | None,
    Header(description="The resource's `ETag`. Returns 412 if it was modified since."),
]


def etag(record: Versioned) -> str:
    """Return the ETag of a record: its version."""
    return f'"{record.version}"'


def with_etag(response: Response, record: R) -> R:
    """Set the `ETag` header to the record's version and return the record."""
    response.headers["ETag"] = etag(record)
    return record


def check_version(record: Versioned, if_match: str | None) -> None:
    """Check `If-Match` against the record's version.

    Raises:
        VersionConflict: `If-Match` lists only other versions.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if etag(record) not in {tag.strip() for tag in if_match.split(",")}:
        raise VersionConflict
