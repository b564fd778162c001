"""Titles of rows: the title field, or the model and the id when it is empty."""

import re
from uuid import UUID

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words_of(model: type) -> str:
    """Write the name of a class: `OrderLine` is "order line"."""
    return _WORDS.sub(" ", model.__name__).lower()


def name_row(model: type, key: UUID, title: str) -> str:
    """Return the title, or "Order line 0193…"."""
    return title.strip() or f"{words_of(model).capitalize()} {key}"
