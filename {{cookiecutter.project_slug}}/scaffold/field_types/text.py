"""Text field types."""

import re

from app.database.constraints import quote
from scaffold.field_spec import MAX_TEXT_LENGTH, FieldSpec
from scaffold.field_types.base import FieldType, Samples, bounds_errors, number, quoted

MAX_INDEXED_LENGTH = 500
"""How many characters of four bytes fit into a PostgreSQL index entry next to two keys."""
MIN_SLUG_LENGTH = 20
"""Leaves room for a suffix."""
MAX_DEFAULT_LENGTH = 60
"""How many characters fit into a line of code."""


class Text(FieldType):
    """Text of any number of lines. Base class of `str`."""

    modifiers = "optional unique index search default min max"
    column = "Text"

    def bounds(self, field: FieldSpec) -> tuple[int, int]:
        """Return the minimum and the maximum length."""
        low = int(field.min) if field.min else 0 if field.default_text == "" else 1
        return low, field.length

    def index_bytes_of(self, field: FieldSpec) -> int:
        return 4 * field.length

    def check_of(self, field: FieldSpec) -> str:
        low, high = self.bounds(field)
        least = f"strip_whitespace=True, min_length={low}, " if low else ""
        return f"Annotated[str, StringConstraints({least}max_length={number(high)})]"

    def sql_check_of(self, field: FieldSpec) -> str:
        limits = ((">=", field.min if field.min != "0" else ""), ("<=", field.max))
        return " AND ".join(f"length({quote(field.column)}) {sign} {text}" for sign, text in limits if text)

    def outside_of(self, field: FieldSpec) -> str:
        return f'"x" * {number(int(field.max) + 1 if field.max else int(field.min) - 1)}'

    def default_of(self, field: FieldSpec, text: str) -> str:
        low, high = self.bounds(field)
        if not re.fullmatch(rf"[^\"'`\\\x00-\x1f]{{0,{MAX_DEFAULT_LENGTH}}}", text):
            raise ValueError(
                f"defaults with quotes or more than {MAX_DEFAULT_LENGTH} characters are not supported on the command"
                " line: set it in the code"
            )
        if not low <= len(text) <= high or text != text.strip():
            raise ValueError(f"the default must have {low} to {high} characters without spaces around them")
        return quoted(text)

    def errors_in(self, field: FieldSpec) -> list[str]:
        errors = bounds_errors(field, 0, MAX_TEXT_LENGTH)
        if errors or not (field.unique or field.index) or self.bounds(field)[1] <= MAX_INDEXED_LENGTH:
            return errors
        return [f"too long for an index in PostgreSQL: use str={MAX_INDEXED_LENGTH} or max={MAX_INDEXED_LENGTH}"]

    def samples_of(self, field: FieldSpec) -> Samples:
        low, high = self.bounds(field)
        some, new = ((f"{word} {field.words}" + "x" * low)[: max(low, len(word) + 1 + len(field.words))] for word in
                     ("Some", "New"))  # fmt: skip
        some, new = some[:high].strip(), new[:high].strip()
        enough = len(some) + 7 <= high
        unique = f'f"{some} {{unique_number()}}"' if enough else f"unique_text({min(high, max(low, 8))})"
        return Samples(quoted(some), quoted(new), f'"x" * {number(high + 1)}', unique, descending=True)


class Str(Text):
    """A single line of at most N characters."""

    arguments = "str=200"

    def check_of(self, field: FieldSpec) -> str:
        return f"{super().check_of(field).removesuffix(']')}, SingleLine]"

    def column_of(self, field: FieldSpec) -> str:
        return f"String({field.length})"

    def errors_in(self, field: FieldSpec) -> list[str]:
        if len(field.args) > 1 or not re.fullmatch(r"[1-9]\d{0,4}", field.args[0] if field.args else "1"):
            return ["the length must be a number from 1 to 99999, for example str=200"]
        if field.max:
            return [f"specify the maximum length with the type: str={field.max}"]
        if (field.unique or field.index) and field.length > MAX_INDEXED_LENGTH:
            return [f"too long for an index in PostgreSQL: use at most str={MAX_INDEXED_LENGTH}"]
        return bounds_errors(field, 0, field.length)


class Slug(FieldType):
    """The readable part of a URL: lowercase letters, digits and hyphens."""

    modifiers = "optional unique index search default from"
    arguments = "slug=100"

    def index_bytes_of(self, field: FieldSpec) -> int:
        return field.length

    def column_of(self, field: FieldSpec) -> str:
        return f"String({field.length})"

    def check_of(self, field: FieldSpec) -> str:
        if not (field.args or field.in_url):
            return "Slug"
        reserved = ", NotReserved" if field.in_url else ""
        return (
            f"Annotated[str, StringConstraints(max_length={field.length}, pattern=SLUG_PATTERN), SingleLine{reserved}]"
        )

    def errors_in(self, field: FieldSpec) -> list[str]:
        length = ",".join(field.args) or "100"
        if re.fullmatch(r"\d{2,3}", length) and MIN_SLUG_LENGTH <= int(length) <= MAX_INDEXED_LENGTH:
            return []
        return [f"the length must be a number from {MIN_SLUG_LENGTH} to {MAX_INDEXED_LENGTH}, for example slug=220"]

    def default_of(self, field: FieldSpec, text: str) -> str:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) or len(text) > field.length:
            raise ValueError("a slug consists of lowercase letters, digits and single hyphens")
        return quoted(text)

    def samples_of(self, field: FieldSpec) -> Samples:
        return Samples('"some-slug"', '"new-slug"', '"Not A Slug"', 'f"some-slug-{unique_number()}"', descending=True)


class Email(FieldType):
    """An email address."""

    modifiers = "optional unique index search"
    column = "String(320)"
    index_bytes = 1280
    check = "EmailStr"

    def samples_of(self, field: FieldSpec) -> Samples:
        unique = 'f"someone{unique_number()}@example.com"'
        return Samples('"someone@example.com"', '"new@example.com"', '"nobody"', unique, descending=True)


class Phone(FieldType):
    """An international phone number."""

    modifiers = "optional unique index search"
    column = "String(40)"  # for the input of forms and imports, which has separators
    index_bytes = 40
    check = "PhoneNumber"

    def samples_of(self, field: FieldSpec) -> Samples:
        return Samples('"+436601234567"', '"+436601234568"', '"0660 1234567"', 'f"+43660{unique_number():07}"')


class Url(FieldType):
    """A web address."""

    modifiers = "optional unique search"
    column = "String(2000)"
    index_bytes = 2000
    check = "HttpUrlString"
    sorts = False

    def samples_of(self, field: FieldSpec) -> Samples:
        one, two, unique = (
            '"https://example.com/"',
            '"https://example.org/"',
            'f"https://example.com/{unique_number()}"',
        )
        return Samples(one, two, '"javascript:alert(1)"', unique, descending=True)
