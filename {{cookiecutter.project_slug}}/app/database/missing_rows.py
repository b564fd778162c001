"""Insert a row unless it exists: a favorite, a tag, a membership."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import Record


async def insert_if_missing(session: AsyncSession, model: type[Record], values: Mapping[str, Any]) -> None:
    """Insert a row, or do nothing if a unique constraint rejects it, also if another request inserts it meanwhile.

    No ORM events run, and no rule of a service is checked.

    Raises:
        IntegrityError: another constraint rejects it.
    """
    await session.execute(insert_into(session, model).values(version=1, **values).on_conflict_do_nothing())


def insert_into(session: AsyncSession, target: Any) -> postgresql.Insert | sqlite.Insert:  # noqa: ANN401 - model or table
    """Return an INSERT that can have an ON CONFLICT clause, which SQLAlchemy has for each database."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(target)
    return postgresql.insert(target)
