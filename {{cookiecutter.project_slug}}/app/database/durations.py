"""Durations as text: people read and write `1h 30m`, programs ISO 8601 (`PT1H30M`)."""

import re
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import TextClause, text

MAX_DURATION = timedelta(days=1_000_000)
"""The longest duration, so that sums of a million of them fit into 64 bits of microseconds on SQLite."""

_ISO_8601 = TypeAdapter(timedelta)
_SIGN = r"([+-]?)\s*"
_UNITS = (r"(\d{1,9})\s*d", r"(\d{1,9})\s*h", r"(\d{1,9})\s*m(?:in)?", r"(\d{1,12}(?:\.\d{1,6})?)\s*s")
_PATTERN = re.compile(_SIGN + r"\s*".join(f"(?:{unit})?" for unit in _UNITS), re.ASCII | re.IGNORECASE)


def parse_duration(written: str) -> timedelta:
    """Parse `1h 30m`, `-2d`, `90 min` or ISO 8601.

    Raises:
        ValueError: if it isn't a duration. The message shows one.
    """
    match = _PATTERN.fullmatch(written.strip())
    try:
        if match and any(match.groups()[1:]):
            days, hours, minutes, seconds = (part or "0" for part in match.groups()[1:])
            whole, _, rest = seconds.partition(".")
            value = timedelta(int(days), int(whole), int(rest.ljust(6, "0")), 0, int(minutes), int(hours))
            value = -value if match[1] == "-" else value
        else:
            value = _ISO_8601.validate_python(written.strip())
    except (ValidationError, OverflowError) as error:
        raise ValueError("must be a duration such as 1h 30m") from error
    return limit_duration(value)


def limit_duration(value: timedelta) -> timedelta:
    """Return the duration if both databases can store it.

    Raises:
        ValueError: if it is too long.
    """
    if abs(value) > MAX_DURATION:
        raise ValueError(f"must be at most {MAX_DURATION.days:,} days")
    return value


def format_duration(value: timedelta) -> str:
    """Return a duration as people write it; `parse_duration` returns exactly the same again."""
    size = abs(value)
    hours, rest = divmod(size.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{size.microseconds:06}".rstrip("0") if size.microseconds else ""
    parts = [(size.days, "", "d"), (hours, "", "h"), (minutes, "", "m"), (seconds, fraction, "s")]
    shown = [f"{number}{more}{unit}" for number, more, unit in parts if number or more]
    return ("-" if value < timedelta() else "") + (" ".join(shown) or "0s")


def iso_duration(value: timedelta) -> str:
    """Return a duration in ISO 8601, as the API does."""
    return str(_ISO_8601.dump_python(value, mode="json"))


def interval_sql(value: timedelta) -> str:
    """Return a duration in SQL that means the same in both databases.

    PostgreSQL reads an interval. SQLite takes the number at the start of the text, because INTERVAL contains INT:
    https://www.sqlite.org/datatype3.html#determination_of_column_affinity
    """
    return f"CAST('{value // timedelta(microseconds=1)} us' AS INTERVAL)"


def duration_default(value: timedelta) -> TextClause:
    """Return the `server_default` of a column."""
    return text(f"({interval_sql(value)})")


def interval_value(sql: str) -> timedelta:
    """Return the duration in such SQL."""
    return timedelta(microseconds=int(re.sub(r"[^0-9-]", "", sql)))
