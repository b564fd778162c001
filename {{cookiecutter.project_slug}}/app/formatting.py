"""Numbers and durations for display, in the language of the request. Pages and the admin share them."""

import re
from datetime import timedelta
from decimal import Decimal

from babel.numbers import format_decimal
from babel.units import format_unit

from app.i18n import SOURCE_LOCALE, current_locale

_UNITS = {"d": "day", "h": "hour", "m": "minute", "s": "second"}


def format_number(number: int) -> str:
    """Return a whole number with digit groups: 1,234. Estimates and lower bounds format themselves."""
    locale = current_locale()
    if locale == SOURCE_LOCALE or type(number) is not int:
        return f"{number:,}"
    return format_decimal(number, locale=locale)


def format_duration(value: timedelta) -> str:
    """Return a duration as it is entered, `1h 30m`; in other languages with their units: `1 Std. 30 Min.`."""
    from app.database import durations  # noqa: PLC0415 - imports Pydantic, which files of the admin don't need

    written, locale = durations.format_duration(value), current_locale()
    if locale == SOURCE_LOCALE:
        return written

    def with_unit(part: re.Match[str]) -> str:
        return format_unit(Decimal(part[1]), _UNITS[part[2]], "short", "#,##0.######", locale)

    return re.sub(r"([\d.]+)([dhms])", with_unit, written)
