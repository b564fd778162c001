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
    """Load the referenced rows that `visible` selects, by id, with one query.

    Pass the other feature's query for the user, such as `authors_for(scope)`. Rows the user can't see are omitted.
    """
    wanted = {key for key in keys if key is not None}
    if not wanted:
        return {}
    found = await session.scalars(visible.where(model.id.in_(wanted)).options(lazyload("*")))
    return {row.id: row for row in found}
