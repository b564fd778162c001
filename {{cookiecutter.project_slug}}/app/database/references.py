"""Validate references: the row must exist and be visible to the caller.

Pass the query of rows that the caller can see, such as `authors_for(scope)`. Other rows are treated as missing, unless
they are referenced already, so that an update can send back what the caller read.
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
    """Check that the caller can see the referenced row. None and the stored reference are always valid.

    Raises:
        InvalidRequest: when the caller can't see it; names the field.
    """
    if key in {None, stored}:
        return
    query = visible.where(model.id == key).with_only_columns(model.id, maintain_column_froms=True)
    if await session.scalar(query) is None:
        raise _invalid_reference(field)


async def resolve_references(  # noqa: PLR0913, PLR0917
    session: AsyncSession,
    visible: Select[R],
    model: type[R],
    field: str,
    keys: Sequence[UUID] | None,
    stored: Sequence[R],
) -> list[R] | None:
    """Return the referenced rows without duplicates, oldest first, or None if no keys were sent.

    Raises:
        InvalidRequest: the caller can't see one of them, and it isn't referenced already; names the field.
    """
    if keys is None:
        return None
    wanted = set(keys)
    rows = {row.id: row for row in stored if row.id in wanted}
    query = visible.where(model.id.in_(wanted - rows.keys()))
    rows |= {row.id: row for row in await session.scalars(query.options(lazyload("*")))}  # without their relationships
    if len(rows) < len(wanted):
        raise _invalid_reference(field)
    return [rows[key] for key in sorted(rows)]


def _invalid_reference(field: str) -> InvalidRequest:
    return InvalidRequest(
        errors=[{"loc": ("body", field), "msg": "Referenced record doesn't exist", "type": "reference"}]
    )
