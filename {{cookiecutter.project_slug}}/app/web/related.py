"""What rows refer to, for pages that show it by name."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, lazyload, load_only, selectinload

from app.database import Keyed


async def load_related(session: AsyncSession, rows: Sequence[Keyed], *relations: InstrumentedAttribute[object]) -> None:
    """Load relations of rows that were found without them: one query for each, however many rows there are."""
    if rows:
        model = type(rows[0])
        query = select(model).where(model.id.in_([row.id for row in rows]))
        # What else the rows refer to is loaded already, or not wanted.
        await session.execute(query.options(load_only(model.id), lazyload("*"), *map(selectinload, relations)))
