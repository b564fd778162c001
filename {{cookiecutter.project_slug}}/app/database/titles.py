"""Display names of rows: the title, or the model and the ID if it is empty."""

import re
from uuid import UUID

_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def model_name(model: type) -> str:
    """Return a model's name for display: `OrderLine` is "order line"."""
    return _WORD_BOUNDARY.sub(" ", model.__name__).lower()


def name_row(model: type, key: UUID, title: str) -> str:
    """Return the title, or "Order line 0193…"."""
    return title_or_key(title, model_name(model).capitalize(), key)


def title_or_key(title: str, label: str, key: UUID) -> str:
    """Return the title, or the label and the key if it is empty."""
    return title.strip() or f"{label} {key}"
