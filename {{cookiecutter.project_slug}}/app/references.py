"""References to other rows: they must exist, and the caller must be allowed to see them.

Pass what the other feature lets this caller see: `authors_for(scope)`. A row of someone else is none.
"""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import lazyload

from app.database import Keyed
from app.errors import InvalidRequest

R = TypeVar("R", bound=Keyed)


async def check_reference(
    session: AsyncSession, visible: Select[R], model: type[R], field: str, key: UUID | None
) -> None:
    """Refuse a reference to a row that the caller cannot see; none at all is fine.

    Raises:
        InvalidRequest: naming the field.
    """
    if key is None:
        return
    query = visible.where(model.id == key).with_only_columns(model.id, maintain_column_froms=True)
    if await session.scalar(query) is None:
        raise _no_such_row(field)


async def find_references(
    session: AsyncSession, visible: Select[R], model: type[R], field: str, keys: Sequence[UUID]
) -> list[R]:
    """Return the rows, oldest first, each once.

    Raises:
        InvalidRequest: naming the field, when the caller cannot see one of them.
    """
    wanted = set(keys)
    query = visible.where(model.id.in_(wanted)).order_by(model.id)
    found = list(await session.scalars(query.options(lazyload("*"))))  # what they refer to is not asked for
    if len(found) < len(wanted):
        raise _no_such_row(field)
    return found


def _no_such_row(field: str) -> InvalidRequest:
    return InvalidRequest(errors=[{"loc": ("body", field), "msg": "Choose one that exists", "type": "reference"}])
