"""Validate references: the row must exist and be visible to the caller.

Pass what the other feature lets this caller see: `authors_for(scope)`. A row of someone else is none, unless it is
referred to already: an update may send back what the caller read.
"""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import lazyload

from app.database.base import UUIDv7Base
from app.errors import InvalidRequest

R = TypeVar("R", bound=UUIDv7Base)


async def check_reference(  # noqa: PLR0913, PLR0917
    session: AsyncSession, visible: Select[R], model: type[R], field: str, key: UUID | None, stored: UUID | None = None
) -> None:
    """Refuse a reference to a row that the caller cannot see; none at all, or the stored one, is fine.

    Raises:
        InvalidRequest: naming the field.
    """
    if key in {None, stored}:
        return
    query = visible.where(model.id == key).with_only_columns(model.id, maintain_column_froms=True)
    if await session.scalar(query) is None:
        raise _no_such_row(field)


async def resolve_references(  # noqa: PLR0913, PLR0917
    session: AsyncSession,
    visible: Select[R],
    model: type[R],
    field: str,
    keys: Sequence[UUID] | None,
    stored: Sequence[R],
) -> list[R] | None:
    """Return the rows, oldest first, each once; None when no keys were sent.

    Raises:
        InvalidRequest: naming the field, when the caller cannot see one of them that is not among the stored ones.
    """
    if keys is None:
        return None
    wanted = set(keys)
    rows = {row.id: row for row in stored if row.id in wanted}
    query = visible.where(model.id.in_(wanted - rows.keys()))
    rows |= {row.id: row for row in await session.scalars(query.options(lazyload("*")))}  # without what they refer to
    if len(rows) < len(wanted):
        raise _no_such_row(field)
    return [rows[key] for key in sorted(rows)]


def _no_such_row(field: str) -> InvalidRequest:
    return InvalidRequest(
        errors=[{"loc": ("body", field), "msg": "Referenced record doesn't exist", "type": "reference"}]
    )
