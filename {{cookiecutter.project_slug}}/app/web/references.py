"""Referenced rows, limited to those visible to the user."""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import lazyload

from app.database.base import UUIDv7Base

R = TypeVar("R", bound=UUIDv7Base)


async def load_visible(
    session: AsyncSession, visible: Select[R], model: type[R], keys: Iterable[UUID | None]
) -> dict[UUID, R]:
    """Return the referenced rows that `visible` selects, by id: one query for all keys.

    Pass what the other feature shows to this visitor: `authors_for(scope)`. A key that is missing is hidden.
    """
    wanted = {key for key in keys if key is not None}
    if not wanted:
        return {}
    found = await session.scalars(visible.where(model.id.in_(wanted)).options(lazyload("*")))
    return {row.id: row for row in found}
