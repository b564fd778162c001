"""Custom types for schemas and their validators.

Most fields need only Pydantic's constraints: `Title = Annotated[str, StringConstraints(max_length=200)]`.
"""

import json
import math
import re
import unicodedata
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    AwareDatetime,
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from app.database.durations import limit_duration, parse_duration
from app.database.slugs import RESERVED_SLUGS

_HTTP_URL = TypeAdapter(AnyHttpUrl)
_JSON_BYTES = 50_000


def quantize(places: int) -> AfterValidator:
    """Return a validator that rounds to this many decimal places, as the database does: 9 becomes 9.00."""
    unit = Decimal(1).scaleb(-places)
    return AfterValidator(lambda value: value.quantize(unit) + 0)  # + 0 turns -0 into 0


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error


def _without_zone(moment: time) -> time:
    if moment.tzinfo is not None:
        raise ValueError("must not have a time zone")
    return moment


def _duration(value: object, validate: ValidatorFunctionWrapHandler) -> timedelta:
    return limit_duration(validate(parse_duration(value) if isinstance(value, str) else value))


def _one_line(text: str) -> str:
    """Reject line breaks and characters that are invisible or reorder text (RFC 8264 §9), except joiners in context."""
    rest = "" if text.isprintable() else _FLAG.sub("", text)
    for index, character in enumerate(rest):
        if unicodedata.category(character) in _INVISIBLE and not _is_joiner_in_context(rest, index):
            raise ValueError("must be one line, without control or invisible characters")
    return text


_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})

# Flags of regions, such as Scotland, are emoji with invisible tag characters. https://www.unicode.org/reports/tr51/
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_NON_JOINER, _JOINER = "\u200c", "\u200d"
_VIRAMA = 9  # https://www.unicode.org/reports/tr44/#Canonical_Combining_Class_Values


def _is_joiner_in_context(text: str, index: int) -> bool:
    """Return whether a joiner is in an emoji or in Arabic or Indic script (RFC 5892 A.1, A.2)."""
    if text[index] not in {_NON_JOINER, _JOINER} or not 0 < index < len(text) - 1:
        return False
    before, after = text[index - 1], text[index + 1]
    arabic = unicodedata.bidirectional(before) in {"AL", "NSM"} and unicodedata.bidirectional(after) == "AL"
    emoji = unicodedata.category(before) in {"So", "Sk", "Mn"} and unicodedata.category(after) in {"So", "Sm"}
    return unicodedata.combining(before) == _VIRAMA or arabic or (text[index] == _JOINER and emoji)


def _not_reserved(slug: str) -> str:
    if slug in RESERVED_SLUGS:
        raise ValueError("is a reserved word")
    return slug


def _http_url(text: str) -> str:
    if not text.isascii():
        raise ValueError("must be ASCII; encode other characters (punycode, percent-encoding)")
    try:
        _HTTP_URL.validate_python(text)
    except ValidationError as error:
        raise ValueError("must be a URL such as https://example.com") from error
    return text


def _e164(text: str) -> str:
    number = re.sub("[ ()./-]", "", text)
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        raise ValueError("must be a phone number with its country code, such as +43 660 1234567")
    return number


def _check_size(value: dict[str, Any]) -> dict[str, Any]:
    if not _is_finite(value):
        raise ValueError("must not contain NaN or Infinity")
    if len(json.dumps(value)) > _JSON_BYTES:
        raise ValueError(f"must be at most {_JSON_BYTES} bytes")
    return value


def _is_finite(value: JsonValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(_is_finite(item) for item in items)


Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""32-bit integer, the range of an `Integer` column."""

Int64 = Annotated[int, Field(json_schema_extra={"format": "int64"})]
"""64-bit integer, marked in the OpenAPI document because JavaScript rounds large ones."""

SingleLine = AfterValidator(_one_line)
"""Validator for names and titles: `Annotated[str, StringConstraints(max_length=80), SingleLine]`."""

ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), SingleLine]
"""Single line of text, 1 to 200 characters."""

SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""Lowercase letters, digits and hyphens."""

Slug = Annotated[str, StringConstraints(max_length=100, pattern=SLUG_PATTERN), SingleLine, Field(examples=["a-slug"])]
"""Slug of at most 100 characters."""

NotReserved = AfterValidator(_not_reserved)
"""Validator for slugs in URLs: rejects `new`, because /articles/new is a page."""

HttpUrlString = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=2000),
    SingleLine,
    AfterValidator(_http_url),
    Field(examples=["https://example.com"]),
]
"""HTTP or HTTPS URL."""

PhoneNumber = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=40),
    AfterValidator(_e164),
    Field(examples=["+436601234567"]),
]
"""International phone number, stored without separators (E.164). Whether it is assigned is not checked."""

AwareUtcDatetime = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""Timezone-aware datetime, stored in UTC."""

TimeOfDay = Annotated[time, AfterValidator(_without_zone)]
"""Time of day without a time zone."""

ParseDuration = WrapValidator(_duration)
"""Validator that also reads `1h 30m`: `Annotated[timedelta, Field(le=timedelta(hours=8)), ParseDuration]`."""

Duration = Annotated[timedelta, ParseDuration]
"""Duration: ISO 8601 in JSON (`PT1H30M`), `1h 30m` in forms."""

JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_check_size)]
"""JSON object, at most 50,000 bytes."""
