"""Options of select fields: enum members, or rows visible to the user."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.database.keys import parse_keys
from app.database.search import contains
from app.i18n import gettext, gettext_noop
from app.web.formatting import display_value, input_value, name_row
from app.web.picker_search import Selection

MAX_CHOICES = 100
"""Maximum number of options; the newest rows are used."""

HIDDEN_LABEL = gettext_noop("No access")
"""Label of a selected row that the user can't see. It stays selected until the user changes it."""


class Choice(NamedTuple):
    """Value and label of one option."""

    value: str
    label: str


def enum_choices(enum: type[Enum]) -> list[Choice]:
    """Return the members of an enum as choices."""
    return [Choice(input_value(member), display_value(member)) for member in enum]


def yes_no_choices() -> list[Choice]:
    """Return the choices of a yes or no question."""
    return [Choice("true", gettext("Yes")), Choice("false", gettext("No"))]


def schema_choices(schema: type[BaseModel]) -> dict[str, list[Choice]]:
    """Return the choices of the enum fields of a schema, by field."""
    return {
        name: enum_choices(kind)
        for name, info in schema.model_fields.items()
        for kind in (info.annotation, *get_args(info.annotation))
        if isinstance(kind, type) and issubclass(kind, Enum)
    }


async def row_choices(
    session: AsyncSession,
    query: Select[Any],
    key: InstrumentedAttribute[Any],
    label: InstrumentedAttribute[Any],
    selected: AbstractSet[str] = frozenset(),
) -> list[Choice]:
    """Return the newest rows of `query` as choices, sorted by `label`, and the selected rows whatever their age.

    If the user searches, only rows whose label contains the text are returned, and the selected ones.
    """
    columns, model = query.with_only_columns(key, label), key.parent.class_
    text = selected.search if isinstance(selected, Selection) else ""
    found = columns.where(_has_label(key, label, text)) if text else columns
    rows = _named(key, await session.execute(found.order_by(key.desc()).limit(MAX_CHOICES)))
    if older := {*parse_keys(model, selected).values()} - rows.keys():
        rows |= dict.fromkeys(older, gettext(HIDDEN_LABEL))
        rows |= _named(key, await session.execute(columns.where(key.in_(older))))
    return sorted((Choice(str(row), label) for row, label in rows.items()), key=_by_label)


def _has_label(key: InstrumentedAttribute[Any], label: InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    """Return the condition that the label contains a text, or that the text is the ID."""
    found = contains(label, text)
    return or_(found, *(key == row_id for row_id in parse_keys(key.parent.class_, [text]).values()))


def _named(key: InstrumentedAttribute[Any], found: Iterable[Any]) -> dict[Any, str]:
    model: Any = key.class_
    return {row[0]: name_row(model, row[0], None if row[1] == row[0] else row[1]) for row in found}


def _by_label(choice: Choice) -> str:
    return choice.label.casefold()
