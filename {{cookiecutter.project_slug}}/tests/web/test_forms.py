"""Forms: every type of field, parsed from what browsers send and shown again."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from types import SimpleNamespace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import anyio
import pytest
from pydantic import AwareDatetime, EmailStr, Field, JsonValue
from starlette.requests import Request

from app.accounts.models import User
from app.api.field_types import AwareUtcDatetime, HttpUrlString, JsonObject, ShortText, Slug, TimeOfDay
from app.api.pagination import PageParams
from app.api.schemas import Schema, unset
from app.database.base import utc_now
from app.database.titles import enum_label
from app.errors import Conflict, InvalidRequest
from app.web.choices import enum_choices
from app.web.formatting import display_value, input_value, name_row, time_tag, titled
from app.web.forms import Form, empty_form, form_from_record, parse_form, search_form

KEY = UUID("7488a646-e31f-41e4-aace-600308960662")


class Color(StrEnum):
    """A color."""

    DARK_RED = "dark-red"
    BLUE = "blue"


class Thing(Schema):
    """A field of every type."""

    word: Annotated[str, Field(min_length=2, max_length=3, pattern="^a")]
    number: Annotated[int, Field(ge=1)] = 1
    share: Annotated[float, Field(le=1, allow_inf_nan=False)] = 0.5
    price: Annotated[Decimal, Field(max_digits=4, decimal_places=2)] = Decimal("9.50")
    choice: Literal["yes", "no"] = "yes"
    color: Color = Color.BLUE
    open: bool = False
    known: bool | None = None
    day: date | None = None
    at: AwareDatetime | None = None
    hour: time | None = None
    key: UUID | None = None
    mail: EmailStr | None = None
    lines: Annotated[list[Annotated[str, Field(max_length=5)]], Field(max_length=2)] = Field(default_factory=list)
    keys: list[UUID] = Field(default_factory=list)
    more: Annotated[dict[str, JsonValue], Field(max_length=2)] | None = None


class ThingUpdate(Schema):
    """Some of the fields, all optional."""

    word: str = unset()
    at: datetime | None = unset()
    lines: list[str] = unset()


class FieldUpdate(Schema):
    """Fields whose untouched values browsers change in different ways."""

    title: ShortText | None = unset()
    slug: Slug = unset()
    site: HttpUrlString | None = unset()
    mail: EmailStr | None = unset()
    body: Annotated[str, Field(max_length=50)] | None = unset()
    at: AwareUtcDatetime | None = unset()
    hour: TimeOfDay | None = unset()
    share: float = unset()
    lines: list[str] = unset()
    more: JsonObject | None = unset()


def request_with(body: str) -> Request:
    """Return a request with this form body."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body.encode()}

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    return Request({"type": "http", "headers": headers}, receive)


def read(body: str) -> Form[Thing]:
    """Parse a form with this body."""
    return anyio.run(parse_form, request_with(body), Thing)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ("", "word", "This field is required."),
        ("word=", "word", "This field is required."),
        ("word=a", "word", "Use at least 2 characters."),
        ("word=aaaa", "word", "Use at most 3 characters."),
        ("word=bb", "word", "Enter a valid value."),
        ("word=a%00", "word", "Must not contain the NUL character."),
        ("word=aa&number=x", "number", "Enter a whole number."),
        ("word=aa&number=", "number", "This field is required."),
        ("word=aa&number=0", "number", "Enter 1 or more."),
        ("word=aa&share=x", "share", "Enter a number."),
        ("word=aa&share=inf", "share", "Enter a number."),
        ("word=aa&share=2", "share", "Enter 1.0 or less."),
        ("word=aa&price=1.234", "price", "Use at most 2 decimal places."),
        ("word=aa&price=123", "price", "Use at most 2 digits before the decimal point."),
        ("word=aa&choice=maybe", "choice", "Select one of the options."),
        ("word=aa&color=green", "color", "Select one of the options."),
        ("word=aa&open=perhaps", "open", "Select one of the options."),
        ("word=aa&day=tomorrow", "day", "Enter a valid date."),
        ("word=aa&at=now", "at", "Enter a valid date and time."),
        ("word=aa&hour=noon", "hour", "Enter a valid time."),
        ("word=aa&key=1", "key", "Enter a valid value."),
        ("word=aa&mail=ada", "mail", "Enter a valid email address, such as ada@example.com."),
        ("word=aa&lines=a%0D%0Ab%0D%0Ac", "lines", "Select at most 2."),
        ("word=aa&lines=a%0D%0Abbbbbb", "lines", "Item 2: Use at most 5 characters."),
        ("word=aa&more=[1]", "more", "Enter a valid JSON object."),
        ("word=aa&more={oops", "more", "Enter a valid JSON object."),
        ('word=aa&more={"a":NaN}', "more", "Enter a valid JSON object."),
        (f"word=aa&more={'[' * 9999}", "more", "Enter a valid JSON object."),
    ],
)
def test_validation_errors_are_user_friendly(body: str, field: str, words: str) -> None:
    form = read(body)

    assert (form.data, form.errors, form.status) == (None, {field: words}, 422)


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        pytest.param("word=aaa", "number", 1, id="absent"),
        pytest.param("price=1", "price", Decimal(1), id="decimal"),
        pytest.param("color=dark-red", "color", Color.DARK_RED, id="enum"),
        pytest.param("open=false", "open", False, id="box-not-ticked"),
        pytest.param("open=false&open=true", "open", True, id="box-ticked"),
        pytest.param("known=", "known", None, id="not-known"),
        pytest.param("known=false", "known", False, id="known"),
        pytest.param("day=", "day", None, id="no-day"),
        pytest.param("day=2026-01-31", "day", date(2026, 1, 31), id="day"),
        pytest.param("at=2026-01-31T12:30", "at", datetime(2026, 1, 31, 12, 30, tzinfo=UTC), id="moment"),
        pytest.param("at=2026-01-31T12:30Z", "at", datetime(2026, 1, 31, 12, 30, tzinfo=UTC), id="moment-with-zone"),
        pytest.param("hour=12:30", "hour", time(12, 30), id="time"),
        pytest.param(f"key={KEY}", "key", KEY, id="uuid"),
        pytest.param("lines=", "lines", [], id="no-lines"),
        pytest.param("lines=a%0D%0A%0D%0A+b+", "lines", ["a", "b"], id="lines"),
        pytest.param(f"keys=&keys={KEY}", "keys", [KEY], id="boxes"),
        pytest.param('more={"a":[1,null]}', "more", {"a": [1, None]}, id="json"),
        pytest.param("more=+", "more", None, id="no-json"),
        pytest.param("stranger=1", "number", 1, id="field-that-no-schema-has"),
    ],
)
def test_entered_values_are_parsed(body: str, field: str, expected: object) -> None:
    form = read(f"word=aa&{body}")

    assert form.errors == {}
    assert getattr(form.data, field) == expected


def test_line_breaks_are_normalized() -> None:
    assert read("word=a%0D%0Ab").values["word"] == "a\nb"


def test_invalid_form_keeps_the_input() -> None:
    form = read(f"word=a&lines=one%0D%0A+two&keys={KEY}&keys=x&more={{oops&version=7")

    assert (form.value("lines"), form.value("more"), form.version) == ("one\n two", "{oops", "7")
    assert {*form.selected("keys")} == {str(KEY), "x"}
    assert form.first_error == "word"


def test_empty_form_has_the_defaults() -> None:
    values = dict(empty_form(Thing).values)

    assert "word" not in values
    assert (values["number"], values["price"], values["color"]) == ("1", "9.50", "blue")
    assert (values["open"], values["known"], values["lines"]) == ("false", "", "")


def test_form_from_record_has_its_values() -> None:
    at = datetime(2026, 1, 31, 12, 30, 15, 250_000, tzinfo=timezone(timedelta(hours=1)))
    record: Any = SimpleNamespace(word="aa", at=at, lines=["a", "b"], version=3)

    form = form_from_record(ThingUpdate, record)

    assert form.values == {"word": "aa", "at": "2026-01-31T11:30:15.250", "lines": "a\nb"}
    assert form.version == "3"


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        pytest.param("word=aa&at=2026-01-31T12:30&lines=a%0D%0Ab", {}, id="nothing"),
        pytest.param("word=ab", {"word": "ab"}, id="text"),
        pytest.param("lines=b%0D%0Aa", {"lines": ["b", "a"]}, id="order-of-lines"),
        pytest.param("lines=&lines=b&lines=a", {}, id="boxes-in-another-order"),
        pytest.param("at=", {"at": None}, id="null"),
    ],
)
def test_only_changed_fields_are_set(body: str, changed: dict[str, Any]) -> None:
    record: Any = SimpleNamespace(
        word="aa", at=datetime(2026, 1, 31, 12, 30, 0, 7, tzinfo=UTC), lines=["a", "b"], version=3
    )

    form = anyio.run(parse_form, request_with(body), ThingUpdate, record)

    assert form.data is not None
    assert form.data.model_dump(exclude_unset=True) == changed


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("title", "a\nb\r\nc\r", "abc"),
        ("title", " a", "a"),
        ("slug", "a\n", "a"),
        ("site", " https://example.com/\n", "https://example.com/"),
        ("mail", "ada@\nexample.com ", "ada@example.com"),
        ("body", "\ra\r\nb\n", "\r\na\r\nb\r\n"),
        ("at", datetime(2026, 1, 31, 10, 0, 0, 120_456, tzinfo=UTC), "2026-01-31T10:00:00.12"),
        ("at", datetime(2026, 1, 31, 10, 0, 0, 120_456, tzinfo=UTC), "2026-01-31T10:00:00.120"),
        ("at", datetime(26, 1, 31, 10, 0, 0, 7, tzinfo=UTC), "0026-01-31T10:00"),
        ("at", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "9999-12-31T23:59:59.999"),
        ("hour", time(10, 0, 0, 120_456), "10:00:00.12"),
        ("hour", time(0, 0, 30, 500_000), "00:00:30.5"),
        ("hour", time(10, 0), "10:00:00"),
        ("share", 1e-7, "1e-07"),
        ("lines", [" a\r", "", "b\nc"], " a\r\n\r\n\r\nb\r\nc"),
        ("more", {"b": 1.0, "a": [True, None, "\r\n"]}, json.dumps({"b": 1.0, "a": [True, None, "\r\n"]}, indent=2)),
    ],
)
def test_untouched_field_is_not_changed(name: str, value: object, sent: str) -> None:
    record: Any = SimpleNamespace(**dict.fromkeys(FieldUpdate.model_fields), version=3)
    setattr(record, name, value)

    form = anyio.run(parse_form, request_with(urlencode({name: sent})), FieldUpdate, record)

    assert (form.errors, form.data and form.data.model_fields_set) == ({}, set())


@pytest.mark.parametrize(
    ("name", "value", "sent", "expected"),
    [
        ("title", "a\nb", "a b", "a b"),
        ("body", "a\nb\n", "ab", "ab"),
        ("body", " a", "a", "a"),
        ("body", "a", "", None),
        (
            "at",
            datetime(2026, 1, 31, tzinfo=UTC),
            "2026-01-31T00:00:00.5",
            datetime(2026, 1, 31, 0, 0, 0, 500_000, UTC),
        ),
        ("hour", time(10, 0), "10:00:01", time(10, 0, 1)),
        ("lines", ["a", "b"], "ab", ["ab"]),
        ("more", {"a": 1.0}, '{"a": 1}', {"a": 1}),
        ("more", {"a": 1}, '{"a": true}', {"a": True}),
    ],
)
def test_edited_field_is_changed(name: str, value: object, sent: str, expected: object) -> None:
    record: Any = SimpleNamespace(**dict.fromkeys(FieldUpdate.model_fields), version=3)
    setattr(record, name, value)

    form = anyio.run(parse_form, request_with(urlencode({name: sent})), FieldUpdate, record)

    assert form.data is not None
    assert repr(form.data.model_dump(exclude_unset=True)) == repr({name: expected})


def test_datetime_out_of_range_is_rejected() -> None:
    record: Any = SimpleNamespace(**dict.fromkeys(FieldUpdate.model_fields), version=3)

    form = anyio.run(parse_form, request_with("at=0001-01-01T00:00:00%2B14:00"), FieldUpdate, record)

    assert form.errors == {"at": "Is out of range."}


class ThingList(PageParams):
    """Filters of a list."""

    q: str | None = None
    at: AwareDatetime | None = None


def test_search_form_has_the_filters_without_pagination() -> None:
    page = ThingList(q="a", at=datetime(2026, 1, 31, tzinfo=UTC), limit=5)

    assert search_form(page).values == {"q": "a", "at": "2026-01-31T00:00:00Z"}
    assert search_form(PageParams()).values == {}


def test_problem_is_shown_at_its_field_or_above_the_form() -> None:
    form = read("word=aa")
    field = InvalidRequest(errors=[{"loc": ("body", "key"), "msg": "Choose one that exists", "type": "reference"}])

    assert form.with_problem(field).errors == {"key": "Choose one that exists."}
    assert form.with_problem(field).status == 422
    assert form.with_problem(Conflict("It is Sunday.")).non_field_error == "It is Sunday."
    assert form.with_problem(Conflict()).data is None


@pytest.mark.parametrize(
    ("value", "words", "entered"),
    [
        (None, "—", ""),
        ("", "—", ""),
        (False, "No", "false"),
        (0, "0", "0"),
        (Decimal("1E+2"), "100", "100"),
        (date(2026, 1, 3), "3 January 2026", "2026-01-03"),
        (datetime(2026, 1, 3, 4, 5, tzinfo=UTC), "3 January 2026, 04:05 UTC", "2026-01-03T04:05"),
        (date(26, 1, 3), "3 January 0026", "0026-01-03"),
        (datetime(26, 1, 3, 4, 5, tzinfo=UTC), "3 January 0026, 04:05 UTC", "0026-01-03T04:05"),
        (time(4, 5, 6), "04:05:06", "04:05:06"),
        (Color.DARK_RED, "Dark red", "dark-red"),
        ([], "—", ""),
        ([1, 2], "1, 2", "1\n2"),
        ({}, "{}", "{}"),
        ({"é": 1}, '{\n  "é": 1\n}', '{\n  "é": 1\n}'),
    ],
)
def test_values_are_formatted_for_display_and_for_forms(value: object, words: str, entered: str) -> None:
    assert (display_value(value), input_value(value)) == (words, entered)


def test_month_names_and_time_element() -> None:
    months = [display_value(date(2026, month, 1)) for month in range(1, 13)]

    assert months == [f"{date(2026, month, 1):1 %B 2026}" for month in range(1, 13)]
    moment, shown = datetime(2026, 1, 3, 4, 5, tzinfo=timezone(timedelta(hours=-2))), "3 January 2026, 06:05 UTC"
    assert time_tag(moment) == f'<time datetime="2026-01-03T04:05:00-02:00" title="{shown}">{shown}</time>'
    assert time_tag(None) == "—"


@pytest.mark.parametrize(
    ("title", "named"),
    [
        (" Milk ", "Milk"),
        (0, "0"),
        (date(26, 1, 3), "3 January 0026"),
        ("", f"User {KEY}"),
        (" ", f"User {KEY}"),
        (None, f"User {KEY}"),
    ],
)
def test_row_is_named_by_its_title_or_model_and_id(title: object, named: str) -> None:
    assert titled(title, KEY, "User") == name_row(User, KEY, title) == named


def test_enum_members_become_choices() -> None:
    assert enum_choices(Color) == [("dark-red", "Dark red"), ("blue", "Blue")]


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("in-stock", "In stock"),
        ("IN_STOCK", "In stock"),
        ("in stock", "In stock"),
        ("PG-13", "PG-13"),
        ("B-", "B-"),
        ("b-", "B-"),
        (".5", ".5"),
        ("1-5", "1-5"),
    ],
)
def test_label_of_an_enum_value(value: str, label: str) -> None:
    assert enum_label(value) == label


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=119), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=6), "6 days ago"),
    ],
)
def test_relative_times(age: timedelta, shown: str) -> None:
    assert time_tag(utc_now() - age, relative=True).endswith(f" data-relative>{shown}</time>")


def test_old_times_are_dates() -> None:
    assert time_tag(datetime(2026, 1, 3, tzinfo=UTC), relative=True).endswith(">3 January 2026</time>")
