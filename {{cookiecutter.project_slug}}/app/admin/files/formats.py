"""How spreadsheets write numbers, dates, times, yes or no, and text that is no formula; and what a form would send."""

import re
from typing import NamedTuple

# https://owasp.org/www-community/attacks/CSV_Injection, with the full-width and small forms of the same characters.
# Excel parts cells at a semicolon, quoted or not, where the comma is the decimal point. A text that begins like a
# guarded one is guarded too, so that a file can be read back.
_FORMULA = r"\s*[-=+@\uff0d\uff1d\uff0b\uff20\ufe63\ufe66\ufe62\ufe6b]|[\t\r\n]"
_BEFORE_FORMULA = re.compile(rf"(^|;)(?='*(?:{_FORMULA}))")
_GUARD = re.compile(rf"(^|;)'(?='*(?:{_FORMULA}))")

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
    """How the person says that numbers and dates are written."""

    numbers: str = ""
    """`point` for 1,234.50, `comma` for 1.234,50."""
    dates: str = ""
    """`dmy` for 31/01/2026, `mdy` for 01/31/2026."""


def escape_formula(text: str) -> str:
    """Return a text such that no spreadsheet takes it, or a part behind `;`, for a formula."""
    return _BEFORE_FORMULA.sub(r"\1'", text)


def unescape_formula(cell: str) -> str:
    """Return the text that was guarded."""
    return _GUARD.sub(r"\1", cell)


def normalize_bool(text: str) -> str:
    """Return `true` or `false`.

    Raises:
        ValueError: when it is neither.
    """
    if text.casefold() not in _YES | _NO:
        raise ValueError(text)
    return "true" if text.casefold() in _YES else "false"


def normalize_number(text: str, formats: ImportFormats) -> str:
    """Return a number with a point and without groups; what is none stays.

    Raises:
        ValueError: when a point would mean something else than the person says.
    """
    pattern = _NUMBERS.get(formats.numbers)
    found = pattern.fullmatch(text) if pattern else None
    if found:
        return text.replace(found["group"] or " ", "").replace(",", ".")
    if formats.numbers == "comma" and "." in text:
        raise ValueError(text)
    return text


def normalize_date(text: str, formats: ImportFormats) -> str:
    """Return a date in ISO 8601; what is none stays."""
    day, rest = _split_date(text, formats)
    return day if day and _MIDNIGHT.fullmatch(rest) else text


def normalize_datetime(text: str, formats: ImportFormats) -> str:
    """Return a date and time in ISO 8601; what is none stays."""
    day, rest = _split_date(text, formats)
    clock = re.sub(r"(?<=\d)\s*UTC$", "+00:00", rest.lstrip("T "))
    return f"{day}T{normalize_time(clock) or '00:00'}" if day else text


def normalize_time(text: str) -> str:
    """Return a time in ISO 8601; what is none stays."""
    return _TIME.sub(lambda found: f"{found[1]:0>2}:{found[2]}:{found[3] or '00'}", text, count=1)


def _split_date(text: str, formats: ImportFormats) -> tuple[str, str]:
    """Return a date in ISO 8601, and what follows it."""
    for pattern in (_DATES[""], _DATES.get(formats.dates, _DATES[""])):
        if found := pattern.match(text):
            part = {name.rstrip("2"): int(value) for name, value in found.groupdict().items() if value}
            return f"{part['y']:04}-{part['m']:02}-{part['d']:02}", text[found.end() :]
    return "", text
