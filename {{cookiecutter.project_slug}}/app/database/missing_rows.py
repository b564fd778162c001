"""Insert a row unless it exists: a favorite, a tag, a membership."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_on_sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import Record


async def insert_if_missing(session: AsyncSession, model: type[Record], values: Mapping[str, Any]) -> None:
    """Insert a row, or do nothing if a unique constraint rejects it, also if another request inserts it meanwhile.

    No ORM events run, and no rule of a service is checked.

    Raises:
        IntegrityError: another constraint rejects it.
    """
    insert = insert_on_sqlite if session.get_bind().dialect.name == "sqlite" else insert_on_postgresql
    await session.execute(insert(model).values(version=1, **values).on_conflict_do_nothing())
