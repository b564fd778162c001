"""Dates and decimal numbers in the language of the request."""

from datetime import date

from babel.dates import format_date, format_skeleton

from app.i18n import SOURCE_LOCALE, current_locale, decimal_symbol


def format_day(day: date) -> str:
    """Return a date as digits: 2026-01-31."""
    locale = current_locale()
    return day.isoformat() if locale == SOURCE_LOCALE else format_date(day, "medium", locale)


def format_day_and_month(day: date) -> str:
    """Return a date without its year: 31 January."""
    locale = current_locale()
    return day.strftime("%d %B") if locale == SOURCE_LOCALE else format_skeleton("MMMMd", day, locale=locale)


def with_decimal_symbol(number: object) -> object:
    """Return a number as text with the decimal symbol of the language, or as it is in English."""
    symbol = decimal_symbol()
    return number if symbol == "." else str(number).replace(".", symbol)
