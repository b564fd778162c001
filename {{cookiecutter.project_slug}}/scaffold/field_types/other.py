"""Other field types: booleans, enums, dates, lists, JSON and references."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, ClassVar

from scaffold.field_types.base import FieldType, Samples, bounds_errors, quoted

if TYPE_CHECKING:
    from scaffold.resource import Field


class Bool(FieldType):
    """Yes or no."""

    python = "bool"
    modifiers = "optional index default"
    sorts = False
    filters = True

    def default_of(self, field: Field, text: str) -> str:
        if text not in {"true", "false"}:
            raise ValueError("the default must be true or false")
        return text.capitalize()

    def server_default_of(self, field: Field, text: str) -> str:
        return f"{text}()"

    def samples_of(self, field: Field) -> Samples:
        return Samples("True", "False", '"maybe"', "true", "")


class Enum(FieldType):
    """One of a few words."""

    modifiers = "optional index default"
    arguments = "enum=draft,live"
    sorts = False
    filters = True

    def python_of(self, field: Field) -> str:
        return field.enum_name

    def default_of(self, field: Field, text: str) -> str:
        if text not in field.args:
            raise ValueError(f"the default must be one of {', '.join(field.args)}")
        return f"{field.enum_name}.{member(text)}"

    def problems_of(self, field: Field) -> list[str]:
        members = [member(text) for text in field.args]
        wrong = [text for text in field.args if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([_-][A-Za-z0-9]+)*", text)]
        if wrong or len(members) < 2 or [text for text in field.args if len(text) > 40]:  # noqa: PLR2004
            return ["specify at least two values of letters, digits and hyphens, for example enum=draft,live"]
        if len(set(members)) < len(members):
            return ["duplicate value"]
        return []

    def samples_of(self, field: Field) -> Samples:
        one, two = field.args[0], field.args[-1]
        return Samples(quoted(one), quoted(two), '"no-such-value"', one, two)


def member(value: str) -> str:
    """Return the name of a value in its enumeration."""
    return value.upper().replace("-", "_")


class Date(FieldType):
    """A day."""

    python = "dt.date"
    modifiers = "optional unique index default"

    def default_of(self, field: Field, text: str) -> str:
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            raise ValueError("the default must be a date such as 2026-01-31") from error
        return f"dt.date({day.year}, {day.month}, {day.day})"

    def samples_of(self, field: Field) -> Samples:
        one, two = "2026-01-31", "2026-02-01"
        fresh = "(dt.date(2026, 1, 1) + dt.timedelta(days=unique_number(10_000))).isoformat()"
        return Samples(quoted(one), quoted(two), '"nope"', one, two, fresh)


class Time(FieldType):
    """A time of day, anywhere."""

    python = "dt.time"
    check = "TimeOfDay"

    def samples_of(self, field: Field) -> Samples:
        one, two = "12:30:00", "13:45:00"
        fresh = 'f"{unique_number(24):02}:{unique_number(60):02}:{unique_number(60):02}"'
        return Samples(quoted(one), quoted(two), '"nope"', one, two, fresh)


class DateTime(FieldType):
    """A moment, in UTC."""

    python = "dt.datetime"
    check = "AwareUtcDatetime"

    def samples_of(self, field: Field) -> Samples:
        one, two = "2026-01-31T12:00", "2026-02-01T12:00"
        fresh = (
            '(dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=unique_number())).isoformat()[:19] + "Z"'
        )
        return Samples(quoted(f"{one}:00Z"), quoted(f"{two}:00Z"), '"2026-01-31T12:00:00"', one, two, fresh)


class Uuid(FieldType):
    """A number that someone else made, without meaning."""

    python = "UUID"

    def samples_of(self, field: Field) -> Samples:
        one, two = "7488a646-e31f-41e4-aace-600308960662", "7488a646-e31f-41e4-aace-600308960668"
        return Samples(quoted(one), quoted(two), '"nope"', one, two, "str(uuid4())")


class List(FieldType):
    """Some texts, or some numbers."""

    modifiers = "optional default min max"
    arguments = "list=str"
    sorts = False
    most: ClassVar[int] = 50

    def python_of(self, field: Field) -> str:
        return f"list[{field.item}]"

    def check_of(self, field: Field) -> str:
        least = f"min_length={field.low}, " if field.low else ""
        item = "ShortText" if field.item == "str" else "Int32"
        return f"Annotated[list[{item}], Field({least}max_length={field.high or self.most})]"

    def default_of(self, field: Field, text: str) -> str:
        if text or field.low not in {"", "0"}:
            raise ValueError("the default can only be an empty list: use default=, without min")
        return "Field(default_factory=list)"

    def server_default_of(self, field: Field, text: str) -> str:
        return '"[]"'

    def problems_of(self, field: Field) -> list[str]:
        if field.args not in {(), ("str",), ("int",)}:
            return ["a list contains str or int, for example list=str"]
        return bounds_errors(field, 0, self.most)

    def samples_of(self, field: Field) -> Samples:
        low, high = int(field.low or 0), int(field.high or self.most)
        texts = field.item == "str"
        some = [f"item {n}" if texts else n for n in range(1, max(low, min(2, high)) + 1)]
        other = [f"other {n}" if texts else n + 100 for n in range(1, max(low, 1) + 1)]
        one, two = (f"[{', '.join(map(quoted, items))}]" for items in (some, other))
        lines, more = ("\n".join(map(str, items)) for items in (some, other))
        return Samples(one, two, '["a\\nb"]' if texts else '["one"]', lines, more)


class Json(FieldType):
    """An object of any shape."""

    python = "dict[str, JsonValue]"
    check = "JsonObject"
    modifiers = "optional default"
    sorts = False

    def default_of(self, field: Field, text: str) -> str:
        if text:
            raise ValueError("the default can only be an empty object: use default=")
        return "Field(default_factory=dict)"

    def server_default_of(self, field: Field, text: str) -> str:
        return '"{}"'

    def samples_of(self, field: Field) -> Samples:
        one, two = '{"key": "value"}', '{"key": ["other", 1]}'
        return Samples(one, two, "5", one, two)


class Ref(FieldType):
    """Another row: the row that this one belongs to, say."""

    python = "UUID"
    modifiers = "optional unique on_delete"
    arguments = "ref=Author"
    sorts = False
    filters = True

    def samples_of(self, field: Field) -> Samples:
        target = field.target
        return Samples(f'add_{target.snake}(caller)["id"]', f'add_{target.snake}(caller)["id"]', '"nope"')


class Many(FieldType):
    """Any number of other rows."""

    python = "list[UUID]"
    modifiers = ""
    arguments = "many=Genre"
    check = "Annotated[list[UUID], Field(max_length=100)]"
    sorts = False

    def samples_of(self, field: Field) -> Samples:
        target = field.target
        return Samples(f'[add_{target.snake}(caller)["id"]]', f'[add_{target.snake}(caller)["id"]]', '["nope"]')
