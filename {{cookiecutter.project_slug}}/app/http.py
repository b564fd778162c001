"""What routes ask for: a session, and the headers `ETag` and `If-Match` (RFC 9110 §13)."""

from collections.abc import AsyncIterator
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Response
from fastapi.requests import HTTPConnection
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database, Record
from app.errors import VersionConflict
from app.transactions import request_session

R = TypeVar("R", bound=Record)


def get_database(connection: HTTPConnection) -> Database:
    """Return the database of this process."""
    database: Database = connection.state.database
    return database


async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Open the session of this request, which ends when the response starts; it only reads for GET and HEAD."""
    database = get_database(connection)
    only_reads = connection.scope.get("method", "GET") in {"GET", "HEAD"}  # a WebSocket has no method
    async with request_session(connection, database.reads if only_reads else database.sessions) as session:
        yield session


async def get_write_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Open the session of this request so that it may write, for GET too."""
    database = get_database(connection)
    async with request_session(connection, database.sessions) as session:
        if session.bind is not database.writing_engine:
            message = "SessionDep opened a session that only reads: put WriteSessionDep first in the route's signature"
            raise RuntimeError(message)
        yield session


async def _provide_database(connection: HTTPConnection) -> Database:
    return get_database(connection)  # which FastAPI would call in a thread, for it is no coroutine


DatabaseDep = Annotated[Database, Depends(_provide_database)]

SessionDep = Annotated[AsyncSession, Depends(get_session)]

# For the rare GET that writes: where another site's sign-in comes back, a link that confirms. It stands first in the
# signature of the route; the other dependencies, which ask for SessionDep, then share it.
WriteSessionDep = Annotated[AsyncSession, Depends(get_write_session)]

IfMatch = Annotated[
    str | None,
    Header(description="The `ETag` that you read: the change is refused with 412 if the row has a newer one."),
]


def etag(record: Record) -> str:
    """Return the entity tag of a record: its version."""
    return f'"{record.version}"'


def tagged(response: Response, record: R) -> R:
    """Put the record's `ETag` on the response that answers it."""
    response.headers["ETag"] = etag(record)
    return record


def check_version(record: Record, if_match: str | None) -> None:
    """Refuse a change that was prepared on an older version.

    Raises:
        VersionConflict: when `If-Match` names other versions only.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if etag(record) not in {tag.strip() for tag in if_match.split(",")}:
        raise VersionConflict
