"""Pages of a long list, newest first: `PageQuery` in, `Page[T]` out.

A page is a keyset: it starts after the last row of the page before it, so page 4,000 costs what page 1 does
and a row that is added meanwhile moves nothing. https://use-the-index-luke.com/no-offset
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Keyed
from app.errors import InvalidRequest

T = TypeVar("T")
R = TypeVar("R", bound=Keyed)


class PageParams(BaseModel):
    """Which part of a list the caller wants."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(default=None, max_length=100)
    """`next_cursor` of the page before; opaque."""


PageQuery = Annotated[PageParams, Query()]


class Page(BaseModel, Generic[T]):
    """One part of a list; `next_cursor` is null on the last one."""

    items: Sequence[T]
    next_cursor: str | None


class Rows(BaseModel, Generic[R]):
    """What a query found, before it is answered as a `Page`."""

    model_config = {"arbitrary_types_allowed": True}

    items: Sequence[R]
    next_cursor: str | None


async def paginate(session: AsyncSession, query: Select[R], model: type[R], page: PageParams) -> Rows[R]:
    """Run `query` for one page, newest first.

    Raises:
        InvalidRequest: when the cursor is not one of ours.
    """
    if page.cursor is not None:
        query = query.where(model.id < _decode(page.cursor))
    found = await session.scalars(query.order_by(model.id.desc()).limit(page.limit + 1))
    rows = found.all()
    more = len(rows) > page.limit
    items = rows[: page.limit]
    return Rows(items=items, next_cursor=_encode(items[-1].id) if more else None)


def _encode(key: UUID) -> str:
    return base64.urlsafe_b64encode(key.bytes).rstrip(b"=").decode()


def _decode(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error) as error:
        invalid = {"loc": ("query", "cursor"), "msg": "Not a cursor of this list", "type": "cursor"}
        raise InvalidRequest(errors=[invalid]) from error
