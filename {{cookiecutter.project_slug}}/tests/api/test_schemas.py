"""Base schemas and field types: unknown fields are rejected, and omitted is not null."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from app.api.field_types import (
    AwareUtcDatetime,
    HttpUrlString,
    Int64,
    JsonObject,
    PhoneNumber,
    ShortText,
    TimeOfDay,
    quantize,
)
from app.api.schemas import Schema, unset


class Change(Schema):
    """A PATCH body with a nullable field and one that is not."""

    name: str = unset()
    nickname: str | None = unset()


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        pytest.param({}, {}, id="absent-stays"),
        pytest.param({"nickname": None}, {"nickname": None}, id="null-clears"),
        pytest.param({"nickname": "al"}, {"nickname": "al"}, id="value-sets"),
        pytest.param({"name": "Al"}, {"name": "Al"}, id="one-of-two"),
    ],
)
def test_omitted_differs_from_null(body: dict[str, Any], changes: dict[str, Any]) -> None:
    assert Change.model_validate(body).model_dump(exclude_unset=True) == changes


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"name": None}, id="null-where-there-is-none"),
        pytest.param({"other": 1}, id="unknown-field"),
        pytest.param({"name": "a\x00b"}, id="nul"),
        pytest.param({"nickname": "\x00"}, id="nul-where-null-may-be"),
    ],
)
def test_invalid_body_is_rejected(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Change.model_validate(body)


class Anything(Schema):
    """A body with text in several places."""

    texts: list[str] = Field(default_factory=list)
    object: JsonObject = Field(default_factory=dict)


@pytest.mark.parametrize("text", ["\x00", "a\ud800"])
def test_unstorable_text_is_rejected_in_any_field(text: str) -> None:
    for body in ({"texts": ["fine", text]}, {"object": {"a": [{"b": text}]}}, {"object": {text: 1}}):
        with pytest.raises(ValidationError):
            Anything.model_validate(body)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_number_that_is_not_json_is_rejected(number: float) -> None:
    with pytest.raises(ValidationError, match="NaN or Infinity"):
        Anything.model_validate({"object": {"a": [number]}})


def test_size_of_object_is_limited() -> None:
    with pytest.raises(ValidationError, match="must be at most 50000 bytes"):
        Anything.model_validate({"object": {"a": "x" * 50_000}})


class Values(Schema):
    """A body with a value of each type."""

    price: Annotated[Decimal, quantize(2)] = Decimal(0)
    at: AwareUtcDatetime = datetime(2026, 1, 1, tzinfo=UTC)
    opens: TimeOfDay = time(9)
    link: HttpUrlString = "https://example.com"
    lines: list[ShortText] = Field(default_factory=list)


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        ({"price": "9"}, "9.00"),
        ({"price": "1e2"}, "100.00"),
        ({"price": "-0"}, "0.00"),
        ({"at": "2026-01-01T01:00:00+01:00"}, "2026-01-01T00:00:00Z"),
        ({"link": " https://example.com/a?b#c "}, "https://example.com/a?b#c"),
        ({"lines": [" one ", "two"]}, ["one", "two"]),
    ],
)
def test_value_is_normalized_as_in_the_database(body: dict[str, Any], stored: Any) -> None:
    assert Values.model_validate(body).model_dump(mode="json", exclude_unset=True) == dict.fromkeys(body, stored)


@pytest.mark.parametrize(
    "body",
    [
        {"at": "2026-01-01T00:00:00"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"opens": "09:00Z"},
        {"link": "javascript:alert(1)"},
        {"link": "ftp://example.com"},
        {"link": "https://exämple.com"},
        {"link": "https://exam\nple.com"},
        {"lines": ["two\nlines"]},
        {"lines": ["  "]},
    ],
)
def test_invalid_value_is_rejected(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Values.model_validate(body)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Zo\u00eb\u00a0\u2019s caf\u00e9, \u6771\u4eac\u3000\u90fd", id="spaces-of-every-kind"),
        pytest.param("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", id="persian-non-joiner"),
        pytest.param("\u0915\u094d\u200d\u0937", id="hindi-joiner"),
        pytest.param("\U0001f469\U0001f3fd\u200d\U0001f680", id="astronaut-with-a-skin-tone"),
        pytest.param("\U0001f3f3\ufe0f\u200d\U0001f308", id="rainbow-flag"),
        pytest.param("\U0001f642\u200d\u2194\ufe0f", id="head-shaking"),
        pytest.param("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", id="flag-of-england"),
    ],
)
def test_single_line_can_be_in_any_script(text: str) -> None:
    """Behaviour 156."""
    assert Values(lines=[text]).lines == [text]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a\nb", id="line-feed"),
        pytest.param("a\rb", id="carriage-return"),
        pytest.param("a\tb", id="tab"),
        pytest.param("a\x85b", id="next-line"),
        pytest.param("a\u2028b", id="line-separator"),
        pytest.param("gpj.\u202eexe", id="right-to-left-override"),
        pytest.param("\u2066ada", id="isolate"),
        pytest.param("ada\u200f", id="right-to-left-mark"),
        pytest.param("ad\u200ba", id="zero-width-space"),
        pytest.param("ad\u00ada", id="soft-hyphen"),
        pytest.param("\ufeffada", id="byte-order-mark"),
        pytest.param("ad\u200da", id="joiner-between-latin-letters"),
        pytest.param("ad\u200ca", id="non-joiner-between-latin-letters"),
        pytest.param("\u0645\u200c", id="non-joiner-at-the-end"),
        pytest.param("ada\U000e0061", id="invisible-letter"),
        pytest.param("\U0001f469\u200c\U0001f680", id="non-joiner-in-an-emoji"),
    ],
)
def test_single_line_rejects_invisible_characters(text: str) -> None:
    """Behaviour 156."""
    with pytest.raises(ValidationError, match="must be one line, without control or invisible characters"):
        Values(lines=[text])


def test_int64_has_its_format_in_the_document() -> None:
    class Counted(Schema):
        """A body with numbers."""

        views: Annotated[Int64, Field(ge=0, le=2**63 - 1)] | None = None

    number, null = Counted.model_json_schema()["properties"]["views"]["anyOf"]

    assert {"type": "integer", "format": "int64", "maximum": 2**63 - 1}.items() <= number.items()
    assert null == {"type": "null"}


@pytest.mark.any_database
@pytest.mark.parametrize("text", ["+43 660 1234567", "+43 (660) 123-45.67", " +436601234567 ", "+43/660/1234567"])
def test_phone_number_is_stored_without_separators(text: str) -> None:
    assert TypeAdapter(PhoneNumber).validate_python(text) == "+436601234567"


@pytest.mark.any_database
@pytest.mark.parametrize(
    "text", ["0660 1234567", "+0660123456", "+43 660", "+4366012345678901", "+43\n6601234567", "+٤٣٦٦٠١٢٣٤٥٦٧"]
)
def test_text_that_is_not_an_international_phone_number_is_rejected(text: str) -> None:
    with pytest.raises(ValidationError, match="country code"):
        TypeAdapter(PhoneNumber).validate_python(text)
