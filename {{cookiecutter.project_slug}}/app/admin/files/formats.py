"""Normalize numbers, dates, times and booleans from spreadsheets to the formats of forms; escape formulas."""

import re
from typing import NamedTuple

# https://owasp.org/www-community/attacks/CSV_Injection, with the full-width and small forms of the same characters.
# In locales with a decimal comma, Excel splits cells at semicolons, even in quotes. Text that looks escaped is escaped
# too, so that an exported file can be imported.
_FORMULA = r"\s*[-=+@\uff0d\uff1d\uff0b\uff20\ufe63\ufe66\ufe62\ufe6b]|[\t\r\n]"
_BEFORE_FORMULA = re.compile(rf"(^|;)(?='*(?:{_FORMULA}))")
_ESCAPED = re.compile(rf"(^|;)'(?='*(?:{_FORMULA}))")

_YES, _NO = {"yes", "y", "true", "1", "x", "on"}, {"no", "n", "false", "0", "off"}
_NUMBERS = {
    "point": re.compile(r"[-+]?\d{1,3}(?:(?P<group>[,' ])\d{3})(?:(?P=group)\d{3})*(?:\.\d+)?"),
    "comma": re.compile(r"[-+]?(?:\d{1,3}(?:(?P<group>[.' ])\d{3})(?:(?P=group)\d{3})*|\d+)(?:,\d+)?"),
}
_DATES = {
    "": re.compile(r"(?P<y>\d{4})-(?P<m>\d\d?)-(?P<d>\d\d?)|(?P<d2>\d\d?)\.(?P<m2>\d\d?)\.(?P<y2>\d{4})"),
    "dmy": re.compile(r"(?P<d>\d\d?)/(?P<m>\d\d?)/(?P<y>\d{4})"),
    "mdy": re.compile(r"(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{4})"),
}
_TIME = re.compile(r"(\d\d?):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?")
_MIDNIGHT = re.compile(r"(?:[T ]+00?:00(?::00(?:\.0*)?)?)?")


class ImportFormats(NamedTuple):
    """Formats of numbers and dates in a file, as selected by the user."""

    numbers: str = ""
    """`point` for 1,234.50, `comma` for 1.234,50."""
    dates: str = ""
    """`dmy` for 31/01/2026, `mdy` for 01/31/2026."""


def escape_formula(text: str) -> str:
    """Escape text so that no spreadsheet runs it, or a part after `;`, as a formula."""
    return _BEFORE_FORMULA.sub(r"\1'", text)


def unescape_formula(cell: str) -> str:
    """Return the original text of an escaped one."""
    return _ESCAPED.sub(r"\1", cell)


def normalize_bool(text: str) -> str:
    """Return `true` or `false`.

    Raises:
        ValueError: the text is neither yes nor no.
    """
    if text.casefold() not in _YES | _NO:
        raise ValueError(text)
    return "true" if text.casefold() in _YES else "false"


def normalize_number(text: str, formats: ImportFormats) -> str:
    """Return a number with a decimal point and without digit groups. Other text is unchanged.

    Raises:
        ValueError: the text has a point that can't be a digit group, though the format has a decimal comma.
    """
    pattern = _NUMBERS.get(formats.numbers)
    found = pattern.fullmatch(text) if pattern else None
    if found:
        return text.replace(found["group"] or " ", "").replace(",", ".")
    if formats.numbers == "comma" and "." in text:
        raise ValueError(text)
    return text


def normalize_date(text: str, formats: ImportFormats) -> str:
    """Return a date in ISO 8601. Other text is unchanged."""
    day, rest = _split_date(text, formats)
    return day if day and _MIDNIGHT.fullmatch(rest) else text


def normalize_datetime(text: str, formats: ImportFormats) -> str:
    """Return a date and time in ISO 8601. Other text is unchanged."""
    day, rest = _split_date(text, formats)
    clock = re.sub(r"(?<=\d)\s*UTC$", "+00:00", rest.lstrip("T "))
    return f"{day}T{normalize_time(clock) or '00:00'}" if day else text


def normalize_time(text: str) -> str:
    """Return a time in ISO 8601. Other text is unchanged."""
    return _TIME.sub(lambda found: f"{found[1]:0>2}:{found[2]}:{found[3] or '00'}", text, count=1)


def _split_date(text: str, formats: ImportFormats) -> tuple[str, str]:
    """Return a date in ISO 8601, and the rest of the text; "" and the text if it doesn't start with a date."""
    for pattern in (_DATES[""], _DATES.get(formats.dates, _DATES[""])):
        if found := pattern.match(text):
            part = {name.rstrip("2"): int(value) for name, value in found.groupdict().items() if value}
            return f"{part['y']:04}-{part['m']:02}-{part['d']:02}", text[found.end() :]
    return "", text
