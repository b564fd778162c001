"""Options of select fields: enum members, or rows visible to the user."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.web.formatting import display_value, input_value, name_row

MAX_CHOICES = 500
"""Maximum number of options; the newest rows are used."""

HIDDEN_LABEL = "No access"
"""The label of a chosen row that the visitor may not see. It stays chosen until the visitor changes it."""


class Choice(NamedTuple):
    """One of what can be chosen: as it is sent, and in words."""

    value: str
    label: str


def enum_choices(choices: type[Enum]) -> list[Choice]:
    """Offer the members of an enum."""
    return [Choice(input_value(choice), display_value(choice)) for choice in choices]


async def row_choices(
    session: AsyncSession,
    query: Select[Any],
    key: InstrumentedAttribute[UUID],
    label: InstrumentedAttribute[Any],
    chosen: AbstractSet[str] = frozenset(),
) -> list[Choice]:
    """Offer the newest rows of `query` by their `label`, and those that are chosen however old they are."""
    columns = query.with_only_columns(key, label)
    rows = _named(key, await session.execute(columns.order_by(key.desc()).limit(MAX_CHOICES)))
    if older := {row for row in map(_uuid, chosen) if row} - rows.keys():
        rows |= dict.fromkeys(older, HIDDEN_LABEL)
        rows |= _named(key, await session.execute(columns.where(key.in_(older))))
    return sorted((Choice(str(row), label) for row, label in rows.items()), key=_by_label)


def _named(key: InstrumentedAttribute[UUID], found: Iterable[Any]) -> dict[UUID, str]:
    model: Any = key.class_
    return {row[0]: name_row(model, row[0], None if row[1] == row[0] else row[1]) for row in found}


def _uuid(text: str) -> UUID | None:
    with suppress(ValueError):
        return UUID(text)
    return None


def _by_label(option: Choice) -> str:
    return option.label.casefold()
