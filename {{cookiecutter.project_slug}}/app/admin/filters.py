"""Filters on times: what is entered counts as UTC, which our columns insist on."""

from datetime import UTC, date, datetime, time

from starlette_admin.contrib.sqla import filters as library
from starlette_admin.fields import BaseField, DateTimeField
from starlette_admin.filters import filters
from starlette_admin.filters.base import BaseFilter


class IsAt(library.DateTimeEqualFilter):
    """This moment."""

    def parse_value(self, raw: str) -> date | datetime | time:
        """Read a time."""
        return _in_utc(super().parse_value(raw))


class IsBetween(library.DateTimeBetweenFilter):
    """From one moment to another."""

    def parse_value(self, raw: str) -> date | datetime | time:
        """Read a time."""
        return _in_utc(super().parse_value(raw))


class Filters(library.SqlaFilterRegistry):
    """Which filters a field has."""

    @filters(DateTimeField)
    def datetime_filters(self, field: BaseField) -> list[type[BaseFilter]]:
        """Take ours in place of the library's two that compare."""
        ours: dict[str, type[BaseFilter]] = {kind.name: kind for kind in (IsAt, IsBetween)}
        return [ours.get(kind.name, kind) for kind in super().datetime_filters(field)]


def _in_utc(value: date | datetime | time) -> date | datetime | time:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
