"""Referenced rows, limited to those visible to the user."""

from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import lazyload

from app.database.base import Base
from app.database.keys import key_column, key_of

R = TypeVar("R", bound=Base)
K = TypeVar("K")
"""The type of the primary key."""


async def load_visible(
    session: AsyncSession, visible: Select[R], model: type[R], keys: Iterable[K | None]
) -> dict[K, R]:
    """Load the referenced rows that `visible` selects, by id, with one query.

    Pass the other feature's query for the user, such as `authors_for(scope)`. Rows the user can't see are omitted.
    """
    wanted = {key for key in keys if key is not None}
    if not wanted:
        return {}
    found = await session.scalars(visible.where(key_column(model).in_(wanted)).options(lazyload("*")))
    return {key_of(row): row for row in found}
