"""What routes ask for: a transaction, and the headers `ETag` and `If-Match` (RFC 9110 §13)."""

from collections.abc import AsyncIterator
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database, Record
from app.errors import VersionConflict

R = TypeVar("R", bound=Record)


def get_database(request: Request) -> Database:
    """Return the database of this process."""
    database: Database = request.state.database
    return database


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Open the session of this request: returning commits, raising rolls back."""
    database = get_database(request)
    only_reads = request.method in {"GET", "HEAD"}
    async with database.reads() if only_reads else database.sessions.begin() as session:
        yield session


async def _provide_database(request: Request) -> Database:
    return get_database(request)  # which FastAPI would call in a thread, for it is no coroutine


DatabaseDep = Annotated[Database, Depends(_provide_database)]

# "function" commits before the response is sent, so that a client is never told that something was saved when
# it was not. https://fastapi.tiangolo.com/advanced/advanced-dependencies/
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]

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
