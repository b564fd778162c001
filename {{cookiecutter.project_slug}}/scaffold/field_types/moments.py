"""Dates and times."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from scaffold.field_spec import FieldSpec
from scaffold.field_types.base import Domain, FieldType, Samples, quoted

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MINUTES_PER_DAY = 24 * 60


class Date(FieldType):
    """A calendar date."""

    python = "dt.date"
    compares = "date"
    modifiers = "optional unique index default"

    def default_of(self, field: FieldSpec, text: str) -> str:
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            raise ValueError("the default must be a date such as 2026-01-31") from error
        return f"dt.date({day.year}, {day.month}, {day.day})"

    def domain_of(self, field: FieldSpec) -> Domain:
        low, high, start = (date(year, 1, 31).toordinal() for year in (1900, 2200, 2026))
        return Domain(Decimal(low), Decimal(high), start=Decimal(start))

    def position_of(self, text: str) -> Decimal:
        try:
            return Decimal(date.fromisoformat(text).toordinal())
        except ValueError as error:
            raise ValueError("compare it with a field or with a date such as 2026-01-31") from error

    def text_at(self, position: Decimal) -> str:
        return date.fromordinal(int(position)).isoformat()

    def literal_at(self, position: Decimal) -> str:
        day = date.fromordinal(int(position))
        return f"dt.date({day.year}, {day.month}, {day.day})"

    def json_at(self, field: FieldSpec, position: Decimal) -> str:
        return quoted(self.text_at(position))

    def samples_between(self, field: FieldSpec, low: Decimal, high: Decimal) -> Samples:
        unique = f"({self.literal_at(low)} + dt.timedelta(days=unique_number({high - low}))).isoformat()"
        return Samples(self.json_at(field, low), self.json_at(field, low + 1), '"nope"', unique)

    def samples_of(self, field: FieldSpec) -> Samples:
        unique = "(dt.date(2026, 1, 1) + dt.timedelta(days=unique_number(10_000))).isoformat()"
        return Samples('"2026-01-31"', '"2026-02-01"', '"nope"', unique)


class Time(FieldType):
    """A time of day, without a time zone."""

    python = "dt.time"
    check = "TimeOfDay"
    compares = "time"

    def domain_of(self, field: FieldSpec) -> Domain:
        return Domain(Decimal(0), Decimal(_MINUTES_PER_DAY - 1), start=Decimal(8 * 60))

    def position_of(self, text: str) -> Decimal:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
            raise ValueError("compare it with a field or with a time such as 08:30")
        return Decimal(text[:2]) * 60 + Decimal(text[3:])

    def text_at(self, position: Decimal) -> str:
        return "{:02}:{:02}".format(*divmod(int(position), 60))

    def literal_at(self, position: Decimal) -> str:
        return "dt.time({}, {})".format(*divmod(int(position), 60))

    def json_at(self, field: FieldSpec, position: Decimal) -> str:
        return quoted(f"{self.text_at(position)}:00")

    def samples_between(self, field: FieldSpec, low: Decimal, high: Decimal) -> Samples:
        minutes = f"{low} + unique_number({high - low})"
        unique = f'"{{:02}}:{{:02}}:00".format(*divmod({minutes}, 60))'
        return Samples(self.json_at(field, low), self.json_at(field, low + 1), '"nope"', unique)

    def samples_of(self, field: FieldSpec) -> Samples:
        unique = 'f"{unique_number(24):02}:{unique_number(60):02}:{unique_number(60):02}"'
        return Samples('"12:30:00"', '"13:45:00"', '"nope"', unique)


class DateTime(FieldType):
    """A date and time in UTC."""

    python = "dt.datetime"
    check = "AwareUtcDatetime"
    compares = "datetime"

    def domain_of(self, field: FieldSpec) -> Domain:
        start = (datetime(2026, 1, 31, 12, tzinfo=UTC) - _EPOCH) // timedelta(minutes=1)
        return Domain(Decimal(0), Decimal(2 * start), start=Decimal(start))

    def position_of(self, text: str) -> Decimal:
        raise ValueError("compare it with a field of the same type")

    def json_at(self, field: FieldSpec, position: Decimal) -> str:
        return quoted(self._text_at(position))

    def _text_at(self, position: Decimal) -> str:
        return f"{(_EPOCH + timedelta(minutes=int(position))).isoformat()[:19]}Z"

    def samples_between(self, field: FieldSpec, low: Decimal, high: Decimal) -> Samples:
        start = f'dt.datetime.fromisoformat("{self._text_at(low)}")'
        unique = f'({start} + dt.timedelta(minutes=unique_number({high - low}))).isoformat()[:19] + "Z"'
        return Samples(self.json_at(field, low), self.json_at(field, low + 1), self.samples_of(field).invalid, unique)

    def samples_of(self, field: FieldSpec) -> Samples:
        unique = (
            '(dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=unique_number())).isoformat()[:19] + "Z"'
        )
        return Samples('"2026-01-31T12:00:00Z"', '"2026-02-01T12:00:00Z"', '"2026-01-31T12:00:00"', unique)
