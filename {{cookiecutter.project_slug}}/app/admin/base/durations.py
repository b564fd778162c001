"""Durations in forms, lists and filters of the admin."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from fastapi import Request
from starlette.datastructures import FormData
from starlette_admin import RequestAction
from starlette_admin.contrib.sqla import filters as library
from starlette_admin.fields import StringField
from starlette_admin.filters.base import BaseFilter, FilterDataType

from app.database import durations
from app.database.durations import parse_duration
from app.formatting import format_duration
from app.i18n import gettext_noop


@dataclass
class DurationField(StringField):
    """A duration, entered and shown as `1h 30m`."""

    form_template: str = "fields/duration.html"
    placeholder: str | None = "1h 30m"
    hint: ClassVar[str] = gettext_noop("Enter a duration like 1h 30m.")
    """What is shown next to invalid input."""

    async def parse_form_data(self, request: Request, form_data: FormData) -> timedelta | None:  # noqa: ARG002
        """Parse a duration. Empty input is null."""
        text = str(form_data.get(self.id) or "").strip()
        return parse_duration(text) if text else None

    async def serialize_value(self, request: Request, value: Any) -> Any:  # noqa: ANN401
        """Format a duration: for display, or so that a file can be imported."""
        is_shown = request.state.action in {RequestAction.LIST, RequestAction.DETAIL}
        return format_duration(value) if is_shown and isinstance(value, timedelta) else self.text(value)

    def text(self, value: object) -> object:
        """Format a duration for the form, which may also have text: that of a stored row, or invalid input."""
        return durations.format_duration(value) if isinstance(value, timedelta) else value


class _DurationFilter(BaseFilter):
    data_type = FilterDataType.STRING

    def parse_value(self, raw: str) -> timedelta:
        """Parse a duration."""
        return parse_duration(raw)


_COMPARING: tuple[type[BaseFilter], ...] = (
    library.NumericEqualFilter,
    library.NumericNotEqualFilter,
    library.GreaterThanFilter,
    library.GreaterThanOrEqualFilter,
    library.LessThanFilter,
    library.LessThanOrEqualFilter,
    library.BetweenFilter,
)

DURATION_FILTERS: list[type[BaseFilter]] = [
    *(type(f"Duration{kind.__name__}", (_DurationFilter, kind), {}) for kind in _COMPARING),
    library.IsNullFilter,
    library.IsNotNullFilter,
]
"""The filters of numbers, with durations as values."""
