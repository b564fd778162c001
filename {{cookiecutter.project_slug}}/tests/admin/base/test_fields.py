"""Fields of columns, their defaults and their parsing."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from io import BytesIO
from typing import Annotated, Any

import anyio
import pytest
from pydantic import BaseModel, Field
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Double,
    Enum,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    false,
    true,
)
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette_admin.fields import (
    BaseField,
    DateField,
    DateTimeField,
    DecimalField,
    EmailField,
    EnumField,
    FloatField,
    HasOne,
    IntegerField,
    StringField,
    TagsField,
    TimeField,
)

from app.admin.base.fields import column_default, default_title_field, field_for, in_utc
from app.admin.base.form_parsing import InvalidInput, parse_strictly
from app.admin.base.json_field import JsonField
from app.admin.base.saving import clean_value


class Color(StrEnum):
    """An enum."""

    DARK_RED = "dark-red"


class ThingUpdate(BaseModel):
    """The API's schema."""

    tags: Annotated[list[str], Field(max_length=2)] | None = None
    more: dict[str, str] | None = None


THINGS = Table(
    "things",
    MetaData(),
    Column("tags", JSON, server_default="[]"),
    Column("more", JSON),
    Column("known", Boolean, nullable=True),
    Column("open", Boolean, nullable=False, server_default=true()),
    Column("shut", Boolean, nullable=False, server_default=false()),
    Column("share", Double, nullable=False),
    Column("number", Integer, server_default="3"),
    Column("price", Numeric(4, 2), server_default="9.50"),
    Column("day", Date, server_default="2026-01-31"),
    Column("color", Enum(Color, values_callable=list), server_default="dark-red"),
    Column("name", String(9), default="Ada"),
    Column("note", Text, nullable=True),
).c


def test_field_matches_the_column_type() -> None:
    tags, more, known, share = (field_for(THINGS[name], ThingUpdate) for name in ("tags", "more", "known", "share"))

    assert isinstance(tags, TagsField)
    assert isinstance(more, JsonField)
    assert isinstance(known, EnumField)
    assert [known.coerce(sent) for sent in ("True", "False")] == [True, False]
    assert isinstance(share, FloatField)
    assert share.required
    assert [field_for(THINGS[name], ThingUpdate) for name in ("open", "name")] == ["open", "name"]
    assert isinstance(field_for(THINGS["tags"], None), JsonField)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime(26, 1, 3, 4, 5, 6, tzinfo=UTC), "0026-01-03 04:05 UTC"),
        (date(26, 1, 3), "0026-01-03"),
        (time(4, 5, 6), "04:05"),
    ],
)
def test_year_is_formatted_with_four_digits(value: date | time, shown: str) -> None:
    assert in_utc(value) == shown


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["day", "number", "name"], "name"),
        (["day", "note", "name"], "note"),
        (["day", "color", "number", "share"], "id"),
    ],
)
def test_title_field_is_a_text_column_or_the_id(names: list[str], expected: str) -> None:
    assert default_title_field({name: THINGS[name] for name in names}, "id") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tags", []),
        ("more", None),
        ("open", True),
        ("shut", False),
        ("number", 3),
        ("price", Decimal("9.50")),
        ("day", date(2026, 1, 31)),
        ("color", Color.DARK_RED),
        ("name", "Ada"),
    ],
)
def test_empty_form_has_the_column_defaults(name: str, expected: object) -> None:
    assert column_default(THINGS[name]) == expected


def parse(field: BaseField, *submitted: str | UploadFile) -> Any:
    """Return the parsed value of submitted input."""
    parse_strictly(field)
    return anyio.run(
        field.parse_form_data, Request({"type": "http"}), FormData([(field.id, text) for text in submitted])
    )


@pytest.mark.parametrize(
    ("entered", "expected"),
    [("", None), (" null ", None), ("[]", []), ('{"a": "é"}', {"a": "é"}), ('"a"', "a")],
)
def test_json_is_parsed_and_formatted(entered: str, expected: object) -> None:
    field = JsonField("more", id="more")

    value = parse(field, entered)

    assert value == expected
    assert clean_value(field, value) == expected
    assert json.loads(field.text(value) or "null") == expected


def test_required_json_may_be_an_empty_object() -> None:
    field, request = JsonField("more", required=True), Request({"type": "http"})

    anyio.run(field.validate, request, {}, {})
    with pytest.raises(ValueError, match="This field is required"):
        anyio.run(field.validate, request, None, {})


@pytest.mark.parametrize(
    "entered",
    [
        "{",
        "a",
        '{"a": }',
        "[" * 100_000,
        '{"a": "\\ud800"}',
        '{"\\udfff": 1}',
        '["\\u0000"]',
        "NaN",
        "[1e400]",
        "9" * 5000,
    ],
)
def test_invalid_json_is_rejected_and_displayed_again(entered: str) -> None:
    field = JsonField("more", id="more")

    value = parse(field, entered)

    assert field.text(value) == entered
    with pytest.raises(ValueError, match="Enter a valid value"):
        clean_value(field, value)


@pytest.mark.parametrize(
    ("kind", "submitted"),
    [
        (IntegerField, "four"),
        (FloatField, "four"),
        (DecimalField, "1e99999999999999999999"),
        (DateTimeField, "not a date"),
        (DateField, "2026-02-30"),
        (TimeField, "24:61"),
    ],
)
def test_invalid_input_is_kept(kind: Callable[..., BaseField], submitted: str) -> None:
    value = parse(kind("more", id="more"), submitted)

    assert isinstance(value, InvalidInput)
    assert value == submitted


@pytest.mark.parametrize(
    "kind", [IntegerField, FloatField, DecimalField, DateTimeField, StringField, EmailField, HasOne]
)
def test_missing_input_and_uploads_are_empty(kind: Callable[..., BaseField]) -> None:
    assert not parse(kind("more", id="more"))
    assert not parse(kind("more", id="more"), UploadFile(BytesIO(b"4")))
