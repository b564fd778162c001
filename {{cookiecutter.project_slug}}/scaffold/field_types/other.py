"""Other field types: booleans, enums, lists, JSON and references."""

from typing import ClassVar

from scaffold.enum_values import enum_value_errors
from scaffold.field_spec import FieldSpec
from scaffold.field_types.base import FieldType, Samples, bounds_errors, quoted


class Bool(FieldType):
    """A boolean."""

    python = "bool"
    modifiers = "optional index default"
    sorts = False
    filters = True

    def default_of(self, field: FieldSpec, text: str) -> str:
        if text not in {"true", "false"}:
            raise ValueError("the default must be true or false")
        return text.capitalize()

    def server_default_of(self, field: FieldSpec, text: str) -> str:
        return f"{text}()"

    def samples_of(self, field: FieldSpec) -> Samples:
        return Samples("True", "False", '"maybe"')


class Enum(FieldType):
    """One of a fixed set of values."""

    modifiers = "optional index default"
    arguments = "enum=draft,live"
    sorts = False
    filters = True

    def python_of(self, field: FieldSpec) -> str:
        return field.enum_name

    def default_of(self, field: FieldSpec, text: str) -> str:
        if text not in field.args:
            raise ValueError(f"the default must be one of {', '.join(field.args)}")
        return f"{field.enum_name}.{next(name for name, value in field.members if value == text)}"

    def errors_in(self, field: FieldSpec) -> list[str]:
        return enum_value_errors(field.args)

    def samples_of(self, field: FieldSpec) -> Samples:
        return Samples(quoted(field.args[0]), quoted(field.args[-1]), '"no-such-value"')


class Uuid(FieldType):
    """A UUID from another system."""

    python = "UUID"

    def samples_of(self, field: FieldSpec) -> Samples:
        one, two = "7488a646-e31f-41e4-aace-600308960662", "7488a646-e31f-41e4-aace-600308960668"
        return Samples(quoted(one), quoted(two), '"nope"', "str(uuid4())")


class List(FieldType):
    """A list of strings or integers."""

    modifiers = "optional default min max"
    arguments = "list=str"
    index_bytes = 0
    sorts = False
    most: ClassVar[int] = 50

    def python_of(self, field: FieldSpec) -> str:
        return f"list[{field.item}]"

    def check_of(self, field: FieldSpec) -> str:
        least = f"min_length={field.min}, " if field.min else ""
        item = "ShortText" if field.item == "str" else "Int32"
        return f"Annotated[list[{item}], Field({least}max_length={field.max or self.most})]"

    def sql_check_of(self, field: FieldSpec) -> str:
        return ""  # the databases count items differently

    def default_of(self, field: FieldSpec, text: str) -> str:
        if text or field.min not in {"", "0"}:
            raise ValueError("the default can only be an empty list: use default=, without min")
        return "Field(default_factory=list)"

    def server_default_of(self, field: FieldSpec, text: str) -> str:
        return '"[]"'

    def errors_in(self, field: FieldSpec) -> list[str]:
        if field.args not in {(), ("str",), ("int",)}:
            return ["a list contains str or int, for example list=str"]
        return bounds_errors(field, 0, self.most)

    def samples_of(self, field: FieldSpec) -> Samples:
        low, high = int(field.min or 0), int(field.max or self.most)
        texts = field.item == "str"
        some = [f"item {n}" if texts else n for n in range(1, max(low, min(2, high)) + 1)]
        other = [f"other {n}" if texts else n + 100 for n in range(1, max(low, 1) + 1)]
        one, two = (f"[{', '.join(map(quoted, items))}]" for items in (some, other))
        return Samples(one, two, '["a\\nb"]' if texts else '["one"]')


class Json(FieldType):
    """A JSON object."""

    python = "dict[str, JsonValue]"
    check = "JsonObject"
    modifiers = "optional default"
    sorts = False
    index_bytes = 0

    def default_of(self, field: FieldSpec, text: str) -> str:
        if text:
            raise ValueError("the default can only be an empty object: use default=")
        return "Field(default_factory=dict)"

    def server_default_of(self, field: FieldSpec, text: str) -> str:
        return '"{}"'

    def samples_of(self, field: FieldSpec) -> Samples:
        return Samples('{"key": "value"}', '{"key": ["other", 1]}', "5")


class Ref(FieldType):
    """A reference to another row."""

    python = "UUID"
    compares = "reference"
    modifiers = "optional unique on_delete"
    arguments = "ref=Author"
    sorts = False
    filters = True

    def samples_of(self, field: FieldSpec) -> Samples:
        new_row = field.target.new_id("caller")
        return Samples(new_row, new_row, '"nope"')


class Many(FieldType):
    """References to any number of rows."""

    python = "list[UUID]"
    modifiers = ""
    arguments = "many=Genre"
    index_bytes = 0
    check = "Annotated[list[UUID], Field(max_length=100)]"
    sorts = False

    def samples_of(self, field: FieldSpec) -> Samples:
        new_rows = f"[{field.target.new_id('caller')}]"
        return Samples(new_rows, new_rows, '["nope"]')
