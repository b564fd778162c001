"""What schemas share: unknown fields are refused, and absent is not null."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from app.kinds import JsonObject, Line, Moment, TimeOfDay, WebAddress, with_places
from app.schemas import Schema, unset


class Change(Schema):
    """A PATCH body with a field that may be null and one that may not."""

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
def test_absent_differs_from_null(body: dict[str, Any], changes: dict[str, Any]) -> None:
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
def test_body_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Change.model_validate(body)


class Anything(Schema):
    """A body that holds more than one text."""

    texts: list[str] = Field(default_factory=list)
    object: JsonObject = Field(default_factory=dict)


@pytest.mark.parametrize("text", ["\x00", "a\ud800"])
def test_text_that_no_database_can_store_is_refused_wherever_it_is(text: str) -> None:
    for body in ({"texts": ["fine", text]}, {"object": {"a": [{"b": text}]}}, {"object": {text: 1}}):
        with pytest.raises(ValidationError):
            Anything.model_validate(body)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_number_that_is_no_json_is_refused(number: float) -> None:
    with pytest.raises(ValidationError, match="NaN or Infinity"):
        Anything.model_validate({"object": {"a": [number]}})


def test_object_is_bounded() -> None:
    with pytest.raises(ValidationError, match="must not be longer"):
        Anything.model_validate({"object": {"a": "x" * 50_000}})


class Values(Schema):
    """A body with a value of each kind."""

    price: Annotated[Decimal, with_places(2)] = Decimal(0)
    at: Moment = datetime(2026, 1, 1, tzinfo=UTC)
    opens: TimeOfDay = time(9)
    link: WebAddress = "https://example.com"
    lines: list[Line] = Field(default_factory=list)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({"price": "9"}, "9.00"),
        ({"price": "1e2"}, "100.00"),
        ({"price": "-0"}, "0.00"),
        ({"at": "2026-01-01T01:00:00+01:00"}, "2026-01-01T00:00:00Z"),
        ({"link": " https://example.com/a?b#c "}, "https://example.com/a?b#c"),
        ({"lines": [" one ", "two"]}, ["one", "two"]),
    ],
)
def test_value_is_kept_as_the_database_will_give_it_back(body: dict[str, Any], kept: Any) -> None:
    assert Values.model_validate(body).model_dump(mode="json", exclude_unset=True) == dict.fromkeys(body, kept)


@pytest.mark.parametrize(
    "body",
    [
        {"at": "2026-01-01T00:00:00"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"opens": "09:00Z"},
        {"link": "javascript:alert(1)"},
        {"link": "ftp://example.com"},
        {"link": "https://exämple.com"},
        {"lines": ["two\nlines"]},
        {"lines": ["  "]},
    ],
)
def test_value_of_no_use_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Values.model_validate(body)
