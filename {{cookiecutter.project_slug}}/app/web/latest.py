"""The latest rows of features, for the home page."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.accounts.scope import Scope
from app.database.keys import key_column
from app.web.formatting import name_row

ROWS = 5
FEATURES = 6
"""Maximum number of features on the home page, in the order of the menu; each needs a query."""


class Latest(NamedTuple):
    """What the home page shows of a feature: `Latest(notes_for, Note.title, Note.id)`."""

    visible: Callable[[Scope], Select[Any]]
    """Selects the rows that the user sees."""
    title: InstrumentedAttribute[Any]
    """Column that names a row, or its ID if none does. Its model needs `created_at`."""
    key: InstrumentedAttribute[Any]
    """Column that is in the path of a row's page."""


class LatestRow(NamedTuple):
    """A row, with the last part of its page's path."""

    title: str
    key: object
    created_at: datetime


async def load_latest(session: AsyncSession, scope: Scope, latest: Latest) -> list[LatestRow]:
    """Load the user's latest rows, newest first, with one query."""
    model = latest.title.class_
    columns = (latest.title, latest.key, model.created_at)
    query = latest.visible(scope).with_only_columns(*columns).order_by(key_column(model).desc()).limit(ROWS)
    rows = await session.execute(query)
    return [
        LatestRow(name_row(model, key, None if title == key else title), key, created_at)
        for title, key, created_at in rows
    ]
