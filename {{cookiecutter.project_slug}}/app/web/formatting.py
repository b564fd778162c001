"""Format values for display and for form fields."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum

from babel.dates import format_date, format_time, format_timedelta
from babel.lists import format_list
from markupsafe import Markup

from app.database import durations
from app.database.base import utc_now
from app.database.titles import enum_label, model_name, title_or_key
from app.formatting import format_duration, format_number
from app.i18n import SOURCE_LOCALE, current_locale, decimal_symbol, gettext

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

_UNGROUPED = 4
"""Digits of a number that isn't grouped."""


def display_value(value: object) -> str:  # noqa: PLR0911 - one for each type
    """Format a value for display."""
    match value:
        case bool():
            return gettext("Yes") if value else gettext("No")
        case datetime():
            moment = value.astimezone(UTC)
            return f"{_day(moment)}, {_hours(moment)} UTC"
        case date():
            return _day(value)
        case Enum():
            return gettext(enum_label(value.value))
        case list():
            return _join([display_value(item) for item in value]) or "—"
        case int() | float() | Decimal():
            return _number(input_value(value))
        case timedelta():
            return format_duration(value)
    return input_value(value) or "—"


def time_tag(moment: datetime | None, *, relative: bool = False) -> Markup:
    """Return a `<time>` element in UTC, or "2 hours ago"; `site.js` shows exact times in the user's time zone."""
    if moment is None:
        return Markup("—")
    exact = display_value(moment)
    text, mark = (_ago(moment), Markup(" data-relative")) if relative else (exact, "")
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(moment.isoformat(), exact, mark, text)


def _ago(moment: datetime) -> str:
    """Return how long ago a time was; after a week, its date."""
    seconds = (utc_now() - moment).total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if size <= seconds < 7 * 86_400:
            number, locale = int(seconds // size), current_locale()
            if locale != SOURCE_LOCALE:
                ago = timedelta(seconds=-number * size)
                return format_timedelta(ago, threshold=1, add_direction=True, locale=locale)  # 6 days aren't a week
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return gettext("just now") if abs(seconds) < 60 else _day(moment.astimezone(UTC))  # noqa: PLR2004 - a minute


def badge(value: Enum | None) -> Markup:
    """Return an enum value as a badge."""
    return Markup("—") if value is None else Markup('<span class="badge">{}</span>').format(display_value(value))


def name_row(model: type, key: object, title: object) -> str:
    """Return the name of a row: its formatted title, or its model and id if that is empty."""
    return titled(title, key, model_name(model).capitalize())


def titled(title: object, key: object, label: str) -> str:
    """Return the name of a row whose title may be empty: "Order line 0193…"."""
    return title_or_key("" if title in (None, "") else display_value(title), label, key)


def input_value(value: object) -> str:  # noqa: PLR0911 - one for each type
    """Format a value for a form field."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            # Browsers reject more than three decimal places.
            return _short(value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds"))
        case time():
            return _short(value.isoformat(timespec="milliseconds"))
        case timedelta():
            return durations.format_duration(value)
        case Decimal():
            return f"{value:f}"
        case Enum():
            return str(value.value)
        case list():
            return "\n".join(map(input_value, value))
        case dict():
            return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)


def _number(written: str) -> str:
    """Format a number, with digit groups from five digits on: a year has none."""
    whole, point, rest = written.partition(".")
    if whole.lstrip("-").isdecimal() and len(whole.lstrip("-")) > _UNGROUPED:
        whole = format_number(int(whole))
    return f"{whole}{point and decimal_symbol()}{rest}"


def _day(value: date) -> str:
    """Format a date. `strftime` is several times slower."""
    if (locale := current_locale()) != SOURCE_LOCALE:
        return format_date(value, "long", locale)
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year:04}"


def _hours(moment: datetime) -> str:
    if (locale := current_locale()) != SOURCE_LOCALE:
        return format_time(moment, "short", locale=locale)
    return f"{moment.hour:02}:{moment.minute:02}"


def _join(texts: list[str]) -> str:
    locale = current_locale()
    return ", ".join(texts) if locale == SOURCE_LOCALE else format_list(texts, locale=locale)


def _short(moment: str) -> str:
    """Omit zero milliseconds and zero seconds."""
    return moment.removesuffix(".000").removesuffix(":00")
