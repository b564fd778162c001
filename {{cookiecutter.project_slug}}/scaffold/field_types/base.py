"""Base class of field types."""

import json
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar

from app.database.constraints import quote
from scaffold.field_spec import FieldSpec

MIN_UNIQUE_VALUES = 100
"""How many values a unique number must allow, so that tests don't run out of them."""


@dataclass(frozen=True)
class Samples:
    """JSON values for tests, as Python expressions."""

    sample: str
    changed: str
    invalid: str
    unique: str = ""
    """An expression that returns another value each time, for unique fields."""
    descending: bool = False
    """Whether `changed` is less than `sample`."""


@dataclass(frozen=True)
class Domain:
    """Values that can be compared, as numbers: days of a date, minutes of a time."""

    low: Decimal
    high: Decimal
    step: Decimal = Decimal(1)
    start: Decimal = Decimal(1)
    """Where the values of tests start if nothing else decides."""


def quoted(value: object) -> str:
    """Return a JSON value as a Python literal, in double quotes where possible."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


class FieldType:
    """A field type. Class attributes hold what most types differ in."""

    python: ClassVar[str] = "str"
    column: ClassVar[str] = ""
    """The column type, if the annotation is not enough."""
    check: ClassVar[str] = ""
    """The constrained type for request schemas, if the Python type is not enough."""
    read: ClassVar[str] = ""
    """The type in response schemas, if it differs from the Python type."""
    modifiers: ClassVar[str] = "optional unique index"
    sorts: ClassVar[bool] = True
    """Whether lists can be sorted by an indexed field of this type."""
    filters: ClassVar[bool] = False
    """Whether lists always have a filter for it; other types get one with an index."""
    arguments: ClassVar[str] = ""
    """An example with arguments; empty if the type takes none."""
    index_bytes: ClassVar[int] = 16
    """How much of an index entry a value needs at most; 0 if it can't be indexed."""
    compares: ClassVar[str] = ""
    """The kind of values it can be compared with: number, date, datetime, time, duration or reference."""
    step: ClassVar[str] = ""
    """The `step` attribute of its number input."""

    def python_of(self, field: FieldSpec) -> str:
        """Return the Python type."""
        return self.python

    def column_of(self, field: FieldSpec) -> str:
        """Return the column type."""
        return self.column

    def index_bytes_of(self, field: FieldSpec) -> int:
        """Return how much of an index entry a value needs at most."""
        return self.index_bytes

    def check_of(self, field: FieldSpec) -> str:
        """Return the constrained type for request schemas."""
        return self.check

    def default_of(self, field: FieldSpec, text: str) -> str:
        """Return the default as a Python expression.

        Raises:
            ValueError: if the text is not a valid default. The message describes valid ones.
        """
        raise ValueError(
            f"defaults of this type are not supported on the command line: set the default of {field.name} in the code"
        )

    def json_of(self, field: FieldSpec, text: str) -> str:
        """Return the default as a JSON value in Python."""
        return quoted(text)

    def server_default_of(self, field: FieldSpec, text: str) -> str:
        """Return the argument `server_default` of the column."""
        return quoted(text)

    def sql_check_of(self, field: FieldSpec) -> str:
        """Return the CHECK constraint for the minimum and the maximum."""
        limits = ((">=", field.min), ("<=", field.max))
        return " AND ".join(f"{quote(field.column)} {sign} {text}" for sign, text in limits if text)

    def outside_of(self, field: FieldSpec) -> str:
        """Return a Python value that this constraint rejects."""
        domain = self.domain_of(field)
        return self.literal_at(domain.low - domain.step if field.min else domain.high + domain.step)

    def domain_of(self, field: FieldSpec) -> Domain:
        """Return the values that can be compared."""
        raise NotImplementedError

    def position_of(self, text: str) -> Decimal:
        """Return a value of the command line as a number.

        Raises:
            ValueError: if it isn't a valid one. The message shows one.
        """
        raise NotImplementedError

    def text_at(self, position: Decimal) -> str:
        """Return a value as people read it."""
        return f"{position:f}"

    def literal_at(self, position: Decimal) -> str:
        """Return a value as a Python expression."""
        return f"{position:f}"

    def json_at(self, field: FieldSpec, position: Decimal) -> str:
        """Return a value as a JSON value in Python."""
        return self.literal_at(position)

    def samples_between(self, field: FieldSpec, low: Decimal, high: Decimal) -> Samples:
        """Return values for tests that are within limits: the least one, the next one, and unique ones."""
        one, two = (self.json_at(field, position) for position in (low, low + self.domain_of(field).step))
        unique = self.samples_of(replace(field, min=f"{low:f}", max=f"{high:f}")).unique
        return Samples(one, two, self.samples_of(field).invalid, unique)

    def rules_of(self, field: FieldSpec) -> str:
        """Return the limits of uploaded files as a Python expression."""
        raise NotImplementedError

    def accept_of(self, field: FieldSpec) -> str:
        """Return the attribute `accept` of a file input."""
        raise NotImplementedError

    def max_of(self, field: FieldSpec) -> str:
        """Return the maximum size of a file, such as `5MB`."""
        raise NotImplementedError

    def upload_of(self, field: FieldSpec) -> str:
        """Return a name and bytes for tests as a Python expression."""
        raise NotImplementedError

    def errors_in(self, field: FieldSpec) -> list[str]:
        """Return the errors in the arguments, the minimum and the maximum."""
        return []

    def samples_of(self, field: FieldSpec) -> Samples:
        """Return values for tests."""
        raise NotImplementedError


def number(value: int) -> str:
    """Format an integer literal, with underscores from 10_000."""
    return f"{value:_}" if abs(value) >= 10_000 else str(value)  # noqa: PLR2004


def bounds_errors(  # noqa: PLR0913 - one function for every number
    field: FieldSpec, least: Decimal | int, most: Decimal | int, *, room: int = 0, whole: bool = True, places: int = 15
) -> list[str]:
    """Return the errors in min and max."""
    pattern = r"-?\d{1,19}" if whole else rf"-?\d{{1,19}}(\.\d{{1,{places}}})?" if places else r"-?\d{1,19}"
    given = {"min": field.min, "max": field.max}
    errors = [f"{name}={text} is not a valid number for this type" for name, text in given.items()
              if text and not (re.fullmatch(pattern, text) and least <= Decimal(text) <= most)]  # fmt: skip
    if errors:
        return errors
    low, high = Decimal(field.min or least), Decimal(field.max or most)
    if low > high or (whole and room and low == high):
        return [f"min={low} and max={high} leave no valid value"]
    if high - low < room and room == MIN_UNIQUE_VALUES:
        return [f"a unique number needs a range of at least {MIN_UNIQUE_VALUES} values"]
    return []
