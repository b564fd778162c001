"""Text search that finds the same rows on SQLite and PostgreSQL, in every locale."""

from typing import Any

from sqlalchemy import ColumnElement, String, cast, func
from sqlalchemy.orm import InstrumentedAttribute

from app.database.engine import fold_text
from app.errors import InvalidRequest
from app.i18n import gettext

MAX_SEARCH_LENGTH = 200
"""In characters; SQLite rejects long patterns."""


def contains(column: InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    """Return a condition: the column contains the text, both folded."""
    return fold_column(column).contains(fold_term(text), autoescape=True)


def fold_column(column: InstrumentedAttribute[Any]) -> ColumnElement[str]:
    """Return the column, folded for comparison."""
    return func.fold_text(column if isinstance(column.type, String) else cast(column, String), type_=String())


def fold_term(text: str) -> str:
    """Return a search term, folded for comparison.

    Raises:
        InvalidRequest: it is longer than 200 characters.
    """
    if len(text) > MAX_SEARCH_LENGTH:
        message = gettext("Search text can have at most %(count)s characters", count=MAX_SEARCH_LENGTH)
        raise InvalidRequest(f"{message}.", [{"loc": ("query", "q"), "msg": message, "type": "string_too_long"}])
    return str(fold_text(text))
