"""Cursor (keyset) pagination: `PageParams` in, `Page[T]` out.

A page is a keyset: it starts after the last row of the page before it, so page 4,000 costs what page 1 does
and a row that is added meanwhile moves nothing. https://use-the-index-luke.com/no-offset
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, field_validator, model_validator
from sqlalchemy import BigInteger, Integer, Select, or_, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.api.field_types import AwareUtcDatetime, TimeOfDay
from app.api.schemas import check_storable
from app.database.base import UUIDv7Base
from app.database.column_types import UtcDateTime
from app.database.search import MAX_SEARCH_LENGTH, contains
from app.errors import InvalidRequest

T = TypeVar("T")
R = TypeVar("R", bound=UUIDv7Base)

_KEY_BYTES = 16


class PageParams(BaseModel):
    """Pagination parameters; features add filters: `class NoteList(PageParams)`."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(default=None, max_length=4000)
    """Opaque `next_cursor` of the previous page."""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, sent: Any) -> Any:  # noqa: ANN401 - whatever was sent
        """Take `?q=&status=`, which is what a form sends, for nothing."""
        if not isinstance(sent, dict):
            return sent
        return {name: value for name, value in sent.items() if value != "" or name == "cursor"}

    @field_validator("*")
    @classmethod
    def _refuse_unstorable(cls, value: Any) -> Any:  # noqa: ANN401 - fields of every type
        return check_storable(value)


PageQuery = Annotated[PageParams, Query()]
SearchText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_SEARCH_LENGTH)]


class Page(BaseModel, Generic[T]):
    """A page of results; `next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class RowPage(Generic[R]):
    """What a query found, before it is answered as a `Page`."""

    items: Sequence[R]
    next_cursor: str | None


def where_equal(query: Select[R], wanted: Mapping[InstrumentedAttribute[Any], object]) -> Select[R]:
    """Keep the rows that have these values; none means any."""
    return query.where(*(column == value for column, value in wanted.items() if value is not None))


def where_contains(query: Select[R], text: str | None, *columns: InstrumentedAttribute[Any]) -> Select[R]:
    """Keep the rows that have the text in one of the columns, in small or capital letters."""
    return query.where(or_(*(contains(column, text) for column in columns))) if text else query


async def paginate(
    session: AsyncSession, query: Select[R], model: type[R], page: PageParams, *, sort: str | None = None
) -> RowPage[R]:
    """Run `query` for one page, newest first, or by the column that `sort` names: `title`, or `-title` for descending.

    The column must not be nullable, and there should be an index on it and the id.

    Raises:
        InvalidRequest: when the cursor is not one of this list, sorted like this.
    """
    column = None if sort is None else getattr(model, sort.removeprefix("-"))
    order = [model.id] if column is None else [column, model.id]
    descending = sort is None or sort.startswith("-")
    if page.cursor is not None:
        place = _decode(page.cursor, sort, column)
        here, there = tuple_(*order), tuple_(*place, types=[key.type for key in order])
        after = here < there if descending else here > there
        query = query.where(model.id < place[0] if column is None else after)
    found = await session.scalars(
        query.order_by(*(key.desc() if descending else key.asc() for key in order)).limit(page.limit + 1)
    )
    rows = found.all()
    items = rows[: page.limit]
    more = len(rows) > page.limit
    return RowPage(items=items, next_cursor=_encode(items[-1], sort, column) if more else None)


def _encode(row: UUIDv7Base, sort: str | None, column: InstrumentedAttribute[Any] | None) -> str:
    """Write the place of a row in its list: its id, and in a sorted list the order and the value before it."""
    place = row.id.bytes
    if column is not None:
        value = TypeAdapter(_type_of(column)).dump_python(getattr(row, column.key), mode="json")
        place += json.dumps([sort, value]).encode()
    return base64.urlsafe_b64encode(place).rstrip(b"=").decode()


def _decode(cursor: str, sort: str | None, column: InstrumentedAttribute[Any] | None) -> list[Any]:
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = UUID(bytes=place[:_KEY_BYTES])
        if column is None:
            return [key] if len(place) == _KEY_BYTES else _not_ours()
        order, value = json.loads(place[_KEY_BYTES:])
        return [_value(column, value), key] if order == sort else _not_ours()
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        invalid = {"loc": ("query", "cursor"), "msg": "Invalid cursor", "type": "cursor"}
        raise InvalidRequest(errors=[invalid]) from error


def _not_ours() -> list[Any]:
    raise ValueError("cursor belongs to a different sort order")


def _value(column: InstrumentedAttribute[Any], sent: object) -> object:
    """Check what a cursor says that the column had."""
    value = TypeAdapter(_type_of(column)).validate_json(json.dumps(sent))
    return check_storable(value)


def _type_of(column: InstrumentedAttribute[Any]) -> Any:  # noqa: ANN401 - a type, or one with bounds
    """Return what the column holds; what does not fit into it would be an error of the database."""
    kind = column.type
    if isinstance(kind, Integer):
        bits = 63 if isinstance(kind, BigInteger) else 31
        return Annotated[int, Field(ge=-(2**bits), lt=2**bits)]
    if isinstance(kind, UtcDateTime):
        return AwareUtcDatetime
    return TimeOfDay if kind.python_type is time else kind.python_type
