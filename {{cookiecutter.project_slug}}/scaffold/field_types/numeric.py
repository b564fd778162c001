"""Numeric field types."""

import re
from decimal import Decimal, InvalidOperation
from typing import ClassVar

from scaffold.field_spec import FieldSpec
from scaffold.field_types.base import MIN_UNIQUE_VALUES, Domain, FieldType, Samples, bounds_errors, number, quoted

SAMPLE = 42
INT = (-(2**31), 2**31 - 1)
BIGINT = (-(2**63), 2**63 - 1)
MAX_FLOAT_DIGITS = 15
"""How many digits of a decimal SQLite keeps, which stores it as a floating-point number."""


class Number(FieldType):
    """Base class of numbers."""

    compares = "number"

    def position_of(self, text: str) -> Decimal:
        if not re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text):
            raise ValueError("compare it with a field or with a number such as 10")
        return Decimal(text).normalize()


class Int(Number):
    """A 32-bit integer."""

    python = "int"
    modifiers = "optional unique index default min max"
    widest: ClassVar[tuple[int, int]] = INT
    step = "1"

    def bounds(self, field: FieldSpec) -> tuple[int, int]:
        """Return the minimum and the maximum."""
        return int(field.min or self.widest[0]), int(field.max or self.widest[1])

    def check_of(self, field: FieldSpec) -> str:
        low, high = self.bounds(field)
        least = "-(2**31)" if low == INT[0] else "-(2**63)" if low == BIGINT[0] else number(low)
        most = "2**31 - 1" if high == INT[1] else "2**63 - 1" if high == BIGINT[1] else number(high)
        return f"Annotated[int, Field(ge={least}, le={most})]"

    def default_of(self, field: FieldSpec, text: str) -> str:
        low, high = self.bounds(field)
        if not re.fullmatch(r"-?\d+", text) or not low <= int(text) <= high:
            raise ValueError(f"the default must be an integer from {low} to {high}")
        return number(int(text))

    def json_of(self, field: FieldSpec, text: str) -> str:
        return self.default_of(field, text)

    def server_default_of(self, field: FieldSpec, text: str) -> str:
        return quoted(str(int(text)))

    def domain_of(self, field: FieldSpec) -> Domain:
        return Domain(*map(Decimal, self.bounds(field)))

    def json_at(self, field: FieldSpec, position: Decimal) -> str:
        return number(int(position))

    def errors_in(self, field: FieldSpec) -> list[str]:
        return bounds_errors(field, *self.widest, room=MIN_UNIQUE_VALUES if field.unique else 2)

    def samples_of(self, field: FieldSpec) -> Samples:
        low, high = self.bounds(field)
        one = SAMPLE if low <= SAMPLE < high else low
        start = 0 if low <= 0 <= high - MIN_UNIQUE_VALUES else low
        unique = f"unique_number({number(min(high - start, 10**6))})"
        unique = unique if start == 0 else f"{number(start)} + {unique}"
        return Samples(number(one), number(one + 1), number(high + 1), unique)


class BigInt(Int):
    """A 64-bit integer."""

    column = "BigInteger"
    widest = BIGINT
    read = "Int64"

    def check_of(self, field: FieldSpec) -> str:
        return super().check_of(field).replace("[int,", "[Int64,")


class Float(Number):
    """A floating-point number, such as a measurement."""

    python = "float"
    modifiers = "optional unique index default min max"
    step = "any"

    def check_of(self, field: FieldSpec) -> str:
        limits = "".join(f"{name}={float(text)!r}, " for name, text in (("ge", field.min), ("le", field.max)) if text)
        return f"Annotated[float, Field({limits}allow_inf_nan=False)]"

    def default_of(self, field: FieldSpec, text: str) -> str:
        value = float(text) if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text) else None
        if value is None or not float(field.min or value) <= value <= float(field.max or value):
            raise ValueError("the default must be a number such as 1.5, between min and max")
        return repr(value)

    def json_of(self, field: FieldSpec, text: str) -> str:
        return self.default_of(field, text)

    def server_default_of(self, field: FieldSpec, text: str) -> str:
        return quoted(repr(float(text)))

    def domain_of(self, field: FieldSpec) -> Domain:
        return Domain(Decimal(field.min or -(10**12)), Decimal(field.max or 10**12), Decimal("0.01"))

    def json_at(self, field: FieldSpec, position: Decimal) -> str:
        return repr(float(position))

    def errors_in(self, field: FieldSpec) -> list[str]:
        return bounds_errors(field, -(10**15), 10**15, room=MIN_UNIQUE_VALUES if field.unique else 0, whole=False)

    def samples_of(self, field: FieldSpec) -> Samples:
        low = float(field.min) if field.min else min(1.5, float(field.max or 2.5) - 1)
        other = min(low + 1, (low + float(field.max)) / 2) if field.max else low + 1
        unique = f"{low!r} + unique_number({10**6}) / 2"
        if field.max:
            unique = f"{low!r} + unique_number({MIN_UNIQUE_VALUES}) * {(float(field.max) - low) / MIN_UNIQUE_VALUES!r}"
        return Samples(repr(low), repr(other), '"much"', unique)


class DecimalType(Number):
    """A number with a fixed number of decimal places, such as an amount of money."""

    python = "Decimal"
    modifiers = "optional unique index default min max"
    arguments = "decimal=10,2"

    def bounds(self, field: FieldSpec) -> tuple[int, int]:
        """Return the minimum and the maximum, in units of the last decimal place."""
        most = min(10**field.digits - 1, BIGINT[1])
        ends = [int(Decimal(text).scaleb(field.decimal_places)) if text else None for text in (field.min, field.max)]
        return -most if ends[0] is None else ends[0], most if ends[1] is None else ends[1]

    def column_of(self, field: FieldSpec) -> str:
        type_ = "Numeric" if field.digits <= MAX_FLOAT_DIGITS else "ExactNumeric"
        return f"{type_}({field.digits}, {field.decimal_places})"

    def check_of(self, field: FieldSpec) -> str:
        low, high = (self.format(field, units) for units in self.bounds(field))
        least, most = (field.min, field.max) if 10**field.digits <= BIGINT[1] else (field.min or low, field.max or high)
        limits = "".join(f'{name}=Decimal("{text}"), ' for name, text in (("ge", least), ("le", most)) if text)
        bounds = f"Field({limits}max_digits={field.digits}, decimal_places={field.decimal_places})"
        return f"Annotated[Decimal, {bounds}, quantize({field.decimal_places})]"

    def format(self, field: FieldSpec, units: int) -> str:
        """Format a number that is given in units of the last decimal place."""
        return f"{Decimal(units).scaleb(-field.decimal_places):f}"

    def default_of(self, field: FieldSpec, text: str) -> str:
        low, high = self.bounds(field)
        try:
            units = Decimal(text).scaleb(field.decimal_places)
        except InvalidOperation:
            units = Decimal("NaN")
        if not units.is_finite() or units != int(units) or not low <= units <= high:
            raise ValueError(f"the default must be a number such as {self.format(field, high)}, between min and max")
        if units and field.digits > MAX_FLOAT_DIGITS:
            raise ValueError(f"with more than {MAX_FLOAT_DIGITS} digits, the default can only be 0")
        return f'Decimal("{self.format(field, int(units))}")'

    def json_of(self, field: FieldSpec, text: str) -> str:
        return self.server_default_of(field, text)

    def server_default_of(self, field: FieldSpec, text: str) -> str:
        return quoted(self.format(field, int(Decimal(text).scaleb(field.decimal_places))))

    def domain_of(self, field: FieldSpec) -> Domain:
        low, high = (Decimal(units).scaleb(-field.decimal_places) for units in self.bounds(field))
        return Domain(low, high, Decimal(1).scaleb(-field.decimal_places))

    def literal_at(self, position: Decimal) -> str:
        return f"{position:f}" if position == int(position) else f'Decimal("{position:f}")'

    def json_at(self, field: FieldSpec, position: Decimal) -> str:
        return quoted(self.format(field, int(position.scaleb(field.decimal_places))))

    def errors_in(self, field: FieldSpec) -> list[str]:
        numbers = [int(text) for text in field.args if re.fullmatch(r"\d{1,2}", text)]
        if field.args and (len(numbers) != 2 or len(field.args) != 2 or not 1 <= numbers[0] <= 19):  # noqa: PLR2004
            return ["specify precision and scale, for example decimal=10,2 (at most 19 digits, because of SQLite)"]
        if field.decimal_places > field.digits:
            return [
                f"scale {field.decimal_places} is greater than precision {field.digits}: use, for example, decimal=10,2"
            ]
        most = Decimal(min(10**field.digits - 1, BIGINT[1])).scaleb(-field.decimal_places)
        room = MIN_UNIQUE_VALUES if field.unique else 0
        errors = bounds_errors(field, -most, most, room=room, whole=False, places=field.decimal_places)
        is_long = field.digits > MAX_FLOAT_DIGITS
        if not errors and is_long and any(text and Decimal(text) for text in (field.min, field.max)):
            return [f"with more than {MAX_FLOAT_DIGITS} digits, min and max can only be 0"]
        return errors

    def samples_of(self, field: FieldSpec) -> Samples:
        low, high = self.bounds(field)
        nine, eight = (number * 10**field.decimal_places for number in (9, 8))
        one, two = (nine, eight) if low <= eight and nine <= high else (low, low + 1)
        if field.digits > MAX_FLOAT_DIGITS:
            one, two = high, high - 1  # a floating-point number can't tell them apart
        start = 0 if low <= 0 <= high - MIN_UNIQUE_VALUES else low
        units = (
            f"{number(start)} + unique_number({number(min(high - start, 10**6))})"
            if start
            else f"unique_number({number(min(high, 10**6))})"
        )
        unique = f'f"{{Decimal({units}).scaleb(-{field.decimal_places}):f}}"'
        some, new = (self.format(field, units) for units in (one, two))
        invalid = f'"0.{"0" * field.decimal_places}1"'
        return Samples(quoted(some), quoted(new), invalid, unique, descending=two < one)
