"""Base class of field types."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from scaffold.resource import Field

MIN_UNIQUE_VALUES = 100
"""So many values at least must a unique number have, or its tests run out of them."""


@dataclass(frozen=True)
class Samples:
    """JSON values for tests, as Python literals, and what a form sends for the first two of them."""

    sample: str
    changed: str
    refused: str
    form_sample: str = ""
    form_changed: str = ""
    fresh: str = ""
    """An expression that gives another value each time, when the field is unique."""
    falls: bool = False
    """Whether the second one is the smaller one."""


def quoted(value: object) -> str:
    """Write a JSON value as a Python literal, in double quotes as far as can be."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


class FieldType:
    """A kind of field; the class attributes say what most kinds differ in."""

    python: ClassVar[str] = "str"
    column: ClassVar[str] = ""
    """The type of the column where the annotation does not say it."""
    check: ClassVar[str] = ""
    """What a schema demands, as an annotation; empty when the type says all."""
    read: ClassVar[str] = ""
    """The type in answers, where it says more than the type in Python."""
    modifiers: ClassVar[str] = "optional unique index"
    sorts: ClassVar[bool] = True
    filters: ClassVar[bool] = False
    """Whether lists can be narrowed by it in any case; an index or uniqueness adds it."""
    arguments: ClassVar[str] = ""
    """How its arguments are written, as an example; empty when it has none."""
    step: ClassVar[str] = ""

    def python_of(self, field: Field) -> str:
        """Return the type in Python."""
        return self.python

    def column_of(self, field: Field) -> str:
        """Return the type of the column."""
        return self.column

    def check_of(self, field: Field) -> str:
        """Return what a schema demands."""
        return self.check

    def default_of(self, field: Field, text: str) -> str:
        """Return the default as a Python literal.

        Raises:
            ValueError: when it is none, with a sentence that says what one looks like.
        """
        raise ValueError(
            f"defaults of this type are not supported on the command line; set the default of {field.name} in the code"
        )

    def json_of(self, field: Field, text: str) -> str:
        """Return the default as JSON has it, as a Python literal."""
        return quoted(text)

    def server_default_of(self, field: Field, text: str) -> str:
        """Return the default as the database has it, as a Python expression."""
        return quoted(text)

    def problems_of(self, field: Field) -> list[str]:
        """Say what is wrong with the arguments and the bounds."""
        return []

    def samples_of(self, field: Field) -> Samples:
        """Return values for the tests."""
        raise NotImplementedError


def number(value: int) -> str:
    """Write a number with the underscores that make it legible."""
    return f"{value:_}" if abs(value) >= 10_000 else str(value)  # noqa: PLR2004


def limits(field: Field, kind: type[float]) -> str:
    """Write the bounds of a number as arguments of `Field`."""
    ends = (("ge", field.low), ("le", field.high))
    return "".join(f"{name}={kind(text)!r}, " for name, text in ends if text)


def bounds_errors(  # noqa: PLR0913 - one place for every number
    field: Field, least: Decimal | int, most: Decimal | int, *, room: int = 0, whole: bool = True, places: int = 15
) -> list[str]:
    """Say what is wrong with min and max."""
    pattern = r"-?\d{1,19}" if whole else rf"-?\d{{1,15}}(\.\d{{1,{places}}})?" if places else r"-?\d{1,15}"
    given = {"min": field.low, "max": field.high}
    wrong = [f"{name}={text} is not a valid number for this type" for name, text in given.items()
             if text and not (re.fullmatch(pattern, text) and least <= Decimal(text) <= most)]  # fmt: skip
    if wrong:
        return wrong
    low, high = Decimal(field.low or least), Decimal(field.high or most)
    if low > high or (whole and room and low == high):
        return [f"min={low} and max={high} leave no valid value"]
    if high - low < room and room == MIN_UNIQUE_VALUES:
        return [f"a unique number needs a range of at least {MIN_UNIQUE_VALUES} values"]
    return []
