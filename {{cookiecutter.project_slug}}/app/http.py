"""Headers that routes read and write: `ETag` and `If-Match` (RFC 9110 §13)."""

from typing import Annotated, TypeVar

from fastapi import Header, Response

from app.database import Record
from app.errors import VersionConflict

R = TypeVar("R", bound=Record)

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
