"""Durations."""

from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from app.database.constraints import quote
from app.database.durations import MAX_DURATION, format_duration, interval_sql, iso_duration, parse_duration
from scaffold.field_spec import FieldSpec
from scaffold.field_types.base import MIN_UNIQUE_VALUES, Domain, FieldType, Samples, quoted

_UNITS = ("days", "hours", "minutes", "seconds", "microseconds")
_MOST = Decimal(MAX_DURATION // timedelta(seconds=1))
_SAMPLE = Decimal(90 * 60)
_FRACTION = timedelta(microseconds=1)


class Duration(FieldType):
    """A duration, such as `1h30m`. As a number, it is in seconds."""

    python = "dt.timedelta"
    column = "ExactInterval"
    compares = "duration"
    modifiers = "optional unique index default min max"

    def bounds(self, field: FieldSpec) -> tuple[Decimal, Decimal]:
        """Return the minimum and the maximum."""
        low, high = (self.position_of(text) if text else None for text in (field.min, field.max))
        return -_MOST if low is None else low, _MOST if high is None else high

    def check_of(self, field: FieldSpec) -> str:
        given = (("ge", field.min), ("le", field.max))
        limits = [f"{name}={self.literal_at(self.position_of(text))}" for name, text in given if text]
        return f"Annotated[dt.timedelta, Field({', '.join(limits)}), ParseDuration]" if limits else "Duration"

    def sql_check_of(self, field: FieldSpec) -> str:
        limits = ((">=", field.min), ("<=", field.max))
        return " AND ".join(
            f"{quote(field.column)} {sign} {interval_sql(parse_duration(text))}" for sign, text in limits if text
        )

    def default_of(self, field: FieldSpec, text: str) -> str:
        low, high = self.bounds(field)
        try:
            position = self.position_of(text)
        except ValueError:
            position = Decimal("NaN")
        if position.is_nan() or not low <= position <= high:
            raise ValueError("the default must be a duration such as 1h30m, between min and max")
        return self.literal_at(position)

    def json_of(self, field: FieldSpec, text: str) -> str:
        return self.json_at(field, self.position_of(text))

    def server_default_of(self, field: FieldSpec, text: str) -> str:
        return f"duration_default({self.literal_at(self.position_of(text))})"

    def domain_of(self, field: FieldSpec) -> Domain:
        return Domain(*self.bounds(field), start=_SAMPLE)

    def position_of(self, text: str) -> Decimal:
        try:
            return Decimal(parse_duration(text) // _FRACTION).scaleb(-6).normalize()
        except ValueError as error:
            raise ValueError("compare it with a field or with a duration such as 1h30m") from error

    def text_at(self, position: Decimal) -> str:
        return format_duration(_at(position))

    def literal_at(self, position: Decimal) -> str:
        size = _at(abs(position))
        minutes, seconds = divmod(size.seconds, 60)
        values = (size.days, *divmod(minutes, 60), seconds, size.microseconds)
        arguments = ", ".join(f"{unit}={value}" for unit, value in zip(_UNITS, values, strict=True) if value)
        return f"{'-' if position < 0 else ''}dt.timedelta({arguments})"

    def json_at(self, field: FieldSpec, position: Decimal) -> str:
        return quoted(iso_duration(_at(position)))

    def samples_between(self, field: FieldSpec, low: Decimal, high: Decimal) -> Samples:
        """Return values for tests; unique ones differ in the fraction of their seconds."""
        one, two = (self.json_at(field, position) for position in (low, low + 1))
        near = (
            low.to_integral_value(ROUND_CEILING) if low >= 0 else min(high.to_integral_value(ROUND_FLOOR), Decimal(0))
        )
        start = iso_duration(_at(near) + _FRACTION * (1 if high > 0 else -1))
        unique = start.replace(".000001", ".{unique_number(10_000):05}1")
        return Samples(one, two, '"much"', f'f"{unique}"')

    def samples_of(self, field: FieldSpec) -> Samples:
        low, high = self.bounds(field)
        one = _SAMPLE if low <= _SAMPLE < high else low if field.min else high - 1
        return self.samples_between(field, one, high)

    def errors_in(self, field: FieldSpec) -> list[str]:
        given = {"min": field.min, "max": field.max}
        errors = [f"{name}={text} is not a duration such as 1h30m" for name, text in given.items()
                  if text and not _is_valid(text)]  # fmt: skip
        if errors:
            return errors
        low, high = self.bounds(field)
        room = MIN_UNIQUE_VALUES if field.unique else 1
        return [f"max must be at least {room}s more than min"] if high - low < room else []


def _at(position: Decimal) -> timedelta:
    return timedelta(microseconds=int(position.scaleb(6)))


def _is_valid(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return text == text.replace(" ", "").lower()
