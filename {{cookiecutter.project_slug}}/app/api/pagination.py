"""Cursor (keyset) pagination: `PageParams` in, `Page[T]` out.

Each page starts after the last row of the previous one, so page 4,000 is as fast as page 1, and rows added in the
meantime don't shift the pages. https://use-the-index-luke.com/no-offset
"""

import base64
import json
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, field_validator, model_validator
from sqlalchemy import ColumnElement, Integer, Select, or_, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.api.field_types import AwareUtcDatetime, Duration, TimeOfDay
from app.api.page_size import PageSize, default_page_size
from app.api.schemas import check_storable
from app.database.base import Base
from app.database.column_types import ExactInterval, ExactNumeric, UtcDateTime, integer_limit
from app.database.keys import key_column, key_name, parse_key
from app.database.rows import fetch_all
from app.database.search import MAX_SEARCH_LENGTH, contains
from app.errors import InvalidRequest

T = TypeVar("T")
R = TypeVar("R", bound=Base)
S = TypeVar("S", bound=BaseModel)


class PageParams(BaseModel):
    """Pagination parameters; features add filters: `class NoteList(PageParams)`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    limit: PageSize = Field(default_factory=default_page_size)
    """Maximum number of items."""
    cursor: str | None = Field(default=None, max_length=4000, examples=["WyIwMTljZWMyYSJd"])
    """Opaque `next_cursor` of the previous page."""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: Any) -> Any:  # noqa: ANN401 - Pydantic's
        """Ignore empty parameters, as in `?q=&status=`, which is what a form sends."""
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value != "" or name == "cursor"}

    @field_validator("*")
    @classmethod
    def _reject_unstorable(cls, value: Any) -> Any:  # noqa: ANN401 - fields of every type
        return check_storable(value)


PageQuery = Annotated[PageParams, Query()]
SearchText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_SEARCH_LENGTH)]


class Page(BaseModel, Generic[T]):
    """A page of results; `next_cursor` is null on the last page."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    items: list[T]
    """The items of this page."""
    next_cursor: str | None = Field(examples=["WyIwMTljZWMyYSJd"])
    """Send it as `cursor` to get the next page; null on the last page."""


def where_equal(query: Select[R], wanted: Mapping[InstrumentedAttribute[Any], object]) -> Select[R]:
    """Filter by equality; None means any value."""
    criteria = [column == value for column, value in wanted.items() if value is not None]
    return query.where(*criteria) if criteria else query


def where_contains(query: Select[R], text: str | None, *columns: InstrumentedAttribute[Any]) -> Select[R]:
    """Filter by rows that contain the text in one of the columns, ignoring case."""
    return query.where(or_(*(contains(column, text) for column in columns))) if text else query


async def paginate(  # noqa: PLR0913, PLR0917
    session: AsyncSession, query: Select[R], model: type[R], schema: type[S], page: PageParams, sort: str | None = None
) -> Page[S]:
    """Run `query` for one page, newest first or sorted by a column: `title`, or `-title` for descending.

    The column must be one of the schema, must not be nullable and should have an index together with the ID.

    Raises:
        InvalidRequest: the cursor is invalid or belongs to another sort order.
    """
    column = None if sort is None else getattr(model, sort.removeprefix("-"))
    if page.cursor is not None:
        query = query.where(_is_after(model, column, _decode(page.cursor, model, sort, column), sort))
    query = query.order_by(*_sort_order(model, sort)).limit(page.limit + 1)
    rows = await fetch_all(session, query, schema)
    items = rows[: page.limit]
    has_more = len(rows) > page.limit
    next_cursor = _encode(items[-1], model, sort, column) if has_more else None
    return _page_type(schema).model_construct(items=items, next_cursor=next_cursor)


def _is_after(
    model: type[Base], column: InstrumentedAttribute[Any] | None, last: list[Any], sort: str | None
) -> ColumnElement[bool]:
    """Select the rows after the last one of the previous page."""
    key: Any = key_column(model)
    last_key = last[0]
    if column is not None:
        key, last_key = tuple_(column, key), tuple_(*last, types=[column.type, key.type])
    is_after: ColumnElement[bool] = key < last_key if _is_descending(sort) else key > last_key
    return is_after


@cache
def _sort_order(model: type[Base], sort: str | None) -> list[ColumnElement[Any]]:
    key = key_column(model)
    columns = [key] if sort is None else [getattr(model, sort.removeprefix("-")), key]
    return [column.desc() if _is_descending(sort) else column.asc() for column in columns]


def _is_descending(sort: str | None) -> bool:
    return sort is None or sort.startswith("-")


@cache
def _page_type(schema: type[S]) -> type[Page[S]]:
    return Page[schema]  # type: ignore[valid-type]


def _encode(row: Any, model: type[Base], sort: str | None, column: InstrumentedAttribute[Any] | None) -> str:  # noqa: ANN401
    """Encode a row's key and, for a sorted list, the sort order and the row's value of the column."""
    position: list[Any] = [str(getattr(row, key_name(model)))]
    if column is not None:
        position += [sort, TypeAdapter(_type_of(column)).dump_python(getattr(row, column.key), mode="json")]
    return base64.urlsafe_b64encode(json.dumps(position).encode()).rstrip(b"=").decode()


def _decode(cursor: str, model: type[Base], sort: str | None, column: InstrumentedAttribute[Any] | None) -> list[Any]:
    try:
        key, *position = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        last = [parse_key(model, key)]
        if column is None:
            return last if not position else _reject()
        order, value = position
        return [_value(column, value), *last] if order == sort else _reject()
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        invalid = {"loc": ("query", "cursor"), "msg": "Invalid cursor", "type": "cursor"}
        raise InvalidRequest(errors=[invalid]) from error


def _reject() -> list[Any]:
    raise ValueError("cursor belongs to a different sort order")


def _value(column: InstrumentedAttribute[Any], value: object) -> object:
    """Validate the column value from a cursor."""
    return check_storable(TypeAdapter(_type_of(column)).validate_json(json.dumps(value)))


def _type_of(column: InstrumentedAttribute[Any]) -> Any:  # noqa: ANN401 - a type, or one with bounds
    """Return the Python type of a column, with bounds, because a value out of range would be a database error."""
    kind = column.type
    if isinstance(kind, Integer):
        return Annotated[int, Field(ge=-integer_limit(kind), lt=integer_limit(kind))]
    if isinstance(kind, ExactNumeric):
        return Annotated[Decimal, Field(ge=-kind.limit, le=kind.limit)]
    if isinstance(kind, ExactInterval):
        return Duration
    if isinstance(kind, UtcDateTime):
        return AwareUtcDatetime
    return TimeOfDay if kind.python_type is time else kind.python_type
