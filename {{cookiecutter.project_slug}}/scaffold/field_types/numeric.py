"""Numeric field types."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, ClassVar

from scaffold.field_types.base import MIN_UNIQUE_VALUES, FieldType, Samples, bounds_errors, limits, number, quoted

if TYPE_CHECKING:
    from scaffold.resource import Field

ANSWER = 42
INT = (-(2**31), 2**31 - 1)
BIGINT = (-(2**63), 2**63 - 1)


class Int(FieldType):
    """A whole number that fits into 32 bits."""

    python = "int"
    modifiers = "optional unique index default min max"
    widest: ClassVar[tuple[int, int]] = INT
    step = "1"

    def bounds(self, field: Field) -> tuple[int, int]:
        """Return the smallest and the greatest number."""
        return int(field.low or self.widest[0]), int(field.high or self.widest[1])

    def check_of(self, field: Field) -> str:
        low, high = self.bounds(field)
        least = "-(2**31)" if low == INT[0] else "-(2**63)" if low == BIGINT[0] else number(low)
        most = "2**31 - 1" if high == INT[1] else "2**63 - 1" if high == BIGINT[1] else number(high)
        return f"Annotated[int, Field(ge={least}, le={most})]"

    def default_of(self, field: Field, text: str) -> str:
        low, high = self.bounds(field)
        if not re.fullmatch(r"-?\d+", text) or not low <= int(text) <= high:
            raise ValueError(f"the default must be an integer from {low} to {high}")
        return number(int(text))

    def json_of(self, field: Field, text: str) -> str:
        return self.default_of(field, text)

    def server_default_of(self, field: Field, text: str) -> str:
        return quoted(str(int(text)))

    def problems_of(self, field: Field) -> list[str]:
        return bounds_errors(field, *self.widest, room=MIN_UNIQUE_VALUES if field.unique else 2)

    def samples_of(self, field: Field) -> Samples:
        low, high = self.bounds(field)
        one = ANSWER if low <= ANSWER < high else low
        start = 0 if low <= 0 <= high - MIN_UNIQUE_VALUES else low
        fresh = f"unique_number({number(min(high - start, 10**6))})"
        fresh = fresh if start == 0 else f"{number(start)} + {fresh}"
        return Samples(number(one), number(one + 1), number(high + 1), str(one), str(one + 1), fresh)


class BigInt(Int):
    """A whole number that fits into 64 bits."""

    column = "BigInteger"
    widest = BIGINT
    read = "Int64"

    def check_of(self, field: Field) -> str:
        return super().check_of(field).replace("[int,", "[Int64,")


class Float(FieldType):
    """A number that is measured."""

    python = "float"
    modifiers = "optional unique index default min max"
    step = "any"

    def check_of(self, field: Field) -> str:
        return f"Annotated[float, Field({limits(field, float)}allow_inf_nan=False)]"

    def default_of(self, field: Field, text: str) -> str:
        value = float(text) if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text) else None
        if value is None or not float(field.low or value) <= value <= float(field.high or value):
            raise ValueError("the default must be a number such as 1.5, between min and max")
        return repr(value)

    def json_of(self, field: Field, text: str) -> str:
        return self.default_of(field, text)

    def server_default_of(self, field: Field, text: str) -> str:
        return quoted(repr(float(text)))

    def problems_of(self, field: Field) -> list[str]:
        return bounds_errors(field, -(10**15), 10**15, room=MIN_UNIQUE_VALUES if field.unique else 0, whole=False)

    def samples_of(self, field: Field) -> Samples:
        low = float(field.low) if field.low else min(1.5, float(field.high or 2.5) - 1)
        other = min(low + 1, (low + float(field.high)) / 2) if field.high else low + 1
        fresh = f"{low!r} + unique_number({MIN_UNIQUE_VALUES if field.high else 10**6}) / 2"
        if field.high:
            fresh = f"{low!r} + unique_number({MIN_UNIQUE_VALUES}) * {(float(field.high) - low) / MIN_UNIQUE_VALUES!r}"
        return Samples(repr(low), repr(other), '"much"', repr(low), repr(other), fresh)


class DecimalType(FieldType):
    """A number with so many decimals: money, say."""

    python = "Decimal"
    modifiers = "optional unique index default min max"
    arguments = "decimal=10,2"

    def bounds(self, field: Field) -> tuple[int, int]:
        """Return the smallest and the greatest number, counted in the last decimal."""
        most = 10**field.digits - 1
        ends = [int(Decimal(text).scaleb(field.places)) if text else None for text in (field.low, field.high)]
        return -most if ends[0] is None else ends[0], most if ends[1] is None else ends[1]

    def column_of(self, field: Field) -> str:
        return f"Numeric({field.digits}, {field.places})"

    def check_of(self, field: Field) -> str:
        limits = "".join(
            f'{name}=Decimal("{text}"), ' for name, text in (("ge", field.low), ("le", field.high)) if text
        )
        bounds = f"Field({limits}max_digits={field.digits}, decimal_places={field.places})"
        return f"Annotated[Decimal, {bounds}, quantize({field.places})]"

    def write(self, field: Field, units: int) -> str:
        """Write a number that is counted in the last decimal."""
        return f"{Decimal(units).scaleb(-field.places):f}"

    def default_of(self, field: Field, text: str) -> str:
        low, high = self.bounds(field)
        try:
            units = Decimal(text).scaleb(field.places)
        except InvalidOperation:
            units = Decimal("NaN")
        if not units.is_finite() or units != int(units) or not low <= units <= high:
            raise ValueError(f"the default is a number such as {self.write(field, high)}, between min and max")
        return f'Decimal("{self.write(field, int(units))}")'

    def json_of(self, field: Field, text: str) -> str:
        return self.server_default_of(field, text)

    def server_default_of(self, field: Field, text: str) -> str:
        return quoted(self.write(field, int(Decimal(text).scaleb(field.places))))

    def problems_of(self, field: Field) -> list[str]:
        numbers = [int(text) for text in field.args if re.fullmatch(r"\d{1,2}", text)]
        if field.args and (len(numbers) != 2 or len(field.args) != 2 or not 1 <= numbers[0] <= 15):  # noqa: PLR2004
            return ["specify precision and scale, for example decimal=10,2 (at most 15 digits, because of SQLite)"]
        if field.places > field.digits:
            return [f"scale {field.places} is too large for {field.digits} digits: decimal=10,2 has 8 before the point"]
        return bounds_errors(
            field, *(Decimal(end).scaleb(-field.places) for end in (-(10**field.digits) + 1, 10**field.digits - 1)),
            room=MIN_UNIQUE_VALUES if field.unique else 0, whole=False, places=field.places,
        )  # fmt: skip

    def samples_of(self, field: Field) -> Samples:
        low, high = self.bounds(field)
        nine, eight = (number * 10**field.places for number in (9, 8))
        one, two = (nine, eight) if low <= eight and nine <= high else (low, low + 1)
        start = 0 if low <= 0 <= high - MIN_UNIQUE_VALUES else low
        units = (
            f"{number(start)} + unique_number({number(min(high - start, 10**6))})"
            if start
            else f"unique_number({number(min(high, 10**6))})"
        )
        fresh = f'f"{{Decimal({units}).scaleb(-{field.places}):f}}"'
        some, new = (self.write(field, units) for units in (one, two))
        refused = f'"0.{"0" * field.places}1"'
        return Samples(quoted(some), quoted(new), refused, some, new, fresh, falls=two < one)
