"""Primary keys of any type: `id: Mapped[UUID]`, `id: Mapped[int]`, `code: Mapped[str]`; and their text, as in URLs."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Column, Integer, Uuid, inspect
from sqlalchemy.orm import InstrumentedAttribute

from app.database.base import Base
from app.database.column_types import integer_limit

_PARSERS: Mapping[type, Callable[[str], Any]] = {UUID: UUID, int: int, str: str}
"""Those of frequent types, because building a Pydantic adapter takes longer than parsing."""


class CompositeKey(TypeError):
    """A model has a primary key of several columns, where one is needed."""


def key_column(model: type[Any]) -> InstrumentedAttribute[Any]:
    """Return the primary key of a model.

    Raises:
        CompositeKey: it has several columns.
    """
    attribute: InstrumentedAttribute[Any] = getattr(model, key_name(model))
    return attribute


def key_name(model: type[Any]) -> str:
    """Return the name of a model's primary key.

    Raises:
        CompositeKey: it has several columns.
    """
    hashable: Any = model  # mypy doesn't know that classes are
    return _find_key(hashable)


@cache
def _find_key(model: type[Any]) -> str:
    columns: tuple[Column[Any], ...] = inspect(model).primary_key
    if len(columns) > 1:
        names = ", ".join(column.key for column in columns)
        message = (
            f"{model.__name__} has a composite primary key ({names}), but needs a single one. Derive it from `Record`, "
            "and make the columns a `UniqueConstraint`."
        )
        raise CompositeKey(message)
    return str(inspect(model).get_property_by_column(columns[0]).key)


def key_of(row: Base) -> Any:  # noqa: ANN401 - a key of any type
    """Return the primary key of a row."""
    return getattr(row, key_name(type(row)))


def is_entered(model: type[Any]) -> bool:
    """Return whether people enter the primary key, such as the code of a country. Others are generated."""
    column = inspect(model).primary_key[0]
    is_generated = column.default is not None or column.server_default is not None or column.identity is not None
    return not (is_generated or column is column.table.autoincrement_column)


def parse_key(model: type[Any], text: str) -> Any:  # noqa: ANN401 - a key of any type
    """Return the key with this text. Except for UUIDs, each key has only one: "1", but neither "01" nor "+1".

    Raises:
        ValueError: the database couldn't store such a key.
    """
    kind = inspect(model).primary_key[0].type
    parse = _PARSERS.get(kind.python_type) or TypeAdapter(kind.python_type).validate_python
    key: Any = parse(text)
    is_canonical = isinstance(kind, Uuid) or str(key) == text
    in_range = not isinstance(kind, Integer) or -integer_limit(kind) <= key < integer_limit(kind)
    if "\x00" in text or not is_canonical or not in_range:
        raise ValueError(text)
    text.encode()  # fails for lone surrogates
    return key


def parse_keys(model: type[Any], texts: Iterable[str]) -> dict[str, Any]:
    """Return the keys with these texts, by text, without those that the database couldn't store."""
    keys = {}
    for text in texts:
        with suppress(ValueError):
            keys[text] = parse_key(model, text)
    return keys


def normalize_key(model: type[Any], text: str) -> str:
    """Return the text of a key as it is stored, which differs for UUIDs only, or any other text unchanged."""
    return next((str(key) for key in parse_keys(model, [text]).values()), text)
