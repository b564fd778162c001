"""Validate references: the row must exist and be visible to the caller.

Pass the query of rows that the caller can see, such as `authors_for(scope)`. Other rows are treated as missing, unless
they are referenced already, so that an update can send back what the caller read.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, create_model
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import lazyload

from app.database.base import Base
from app.database.keys import key_column, key_name, key_of
from app.database.rows import fetch_one
from app.errors import InvalidRequest
from app.i18n import gettext_noop

R = TypeVar("R", bound=Base)
K = TypeVar("K")
"""The type of the primary key."""


@cache
def _key_schema(name: str) -> type[BaseModel]:
    fields: dict[str, Any] = {name: (Any, ...)}
    return create_model("Key", __config__=ConfigDict(from_attributes=True), **fields)


async def check_reference(  # noqa: PLR0913, PLR0917
    session: AsyncSession, visible: Select[R], model: type[R], field: str, key: K | None, stored: K | None = None
) -> None:
    """Check that the caller can see the referenced row. None and the stored reference are always valid.

    Raises:
        InvalidRequest: when the caller can't see it; names the field.
    """
    if key in {None, stored}:
        return
    if await fetch_one(session, visible.where(key_column(model) == key), _key_schema(key_name(model))) is None:
        raise _invalid_reference(field)


async def resolve_references(  # noqa: PLR0913, PLR0917
    session: AsyncSession,
    visible: Select[R],
    model: type[R],
    field: str,
    keys: Sequence[K] | None,
    stored: Sequence[K] | None = None,
) -> list[R] | None:
    """Return the referenced rows without duplicates, oldest first, or None if no keys or only the stored were sent.

    `stored` are the keys of a row to update.

    Raises:
        InvalidRequest: the caller can't see one of them, and it isn't referenced already; names the field.
    """
    wanted, known = set(keys or ()), set(stored or ())
    if keys is None or (stored is not None and wanted == known):
        return None
    rows: dict[Any, R] = {}
    for query, part in ((visible, wanted - known), (select(model), wanted & known)):
        if part:  # without their relationships
            found = await session.scalars(query.where(key_column(model).in_(part)).options(lazyload("*")))
            rows |= {key_of(row): row for row in found}
    if len(rows) < len(wanted):
        raise _invalid_reference(field)
    return [rows[key] for key in sorted(rows)]


def _invalid_reference(field: str) -> InvalidRequest:
    return InvalidRequest(
        errors=[{"loc": ("body", field), "msg": gettext_noop("Referenced record doesn't exist"), "type": "reference"}]
    )
