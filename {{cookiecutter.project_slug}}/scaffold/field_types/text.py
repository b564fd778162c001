"""Text field types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from scaffold.field_types.base import FieldType, Samples, bounds_errors, number, quoted

if TYPE_CHECKING:
    from scaffold.resource import Field


class Text(FieldType):
    """A text of one line or many: `text`, and `str=N`, which lists can be sorted by."""

    modifiers = "optional unique index search default min max"
    column = "Text"
    most: ClassVar[int] = 50_000

    def bounds(self, field: Field) -> tuple[int, int]:
        """Return the smallest and the greatest length."""
        low = int(field.low) if field.low else 0 if field.default_text == "" else 1
        return low, int(field.high) if field.high else self.most

    def check_of(self, field: Field) -> str:
        low, high = self.bounds(field)
        least = f"strip_whitespace=True, min_length={low}, " if low else ""
        return f"Annotated[str, StringConstraints({least}max_length={number(high)})]"

    def default_of(self, field: Field, text: str) -> str:
        low, high = self.bounds(field)
        if not re.fullmatch(rf"[^\"'`\\\x00-\x1f]{{0,{LONGEST_DEFAULT}}}", text):
            raise ValueError(
                f"set a default that contains quotes or has more than {LONGEST_DEFAULT} characters in the code"
            )
        if not low <= len(text) <= high or text != text.strip():
            raise ValueError(f"the default has {len(text)} characters; it must have {low} to {high}")
        return quoted(text)

    def problems_of(self, field: Field) -> list[str]:
        problems = bounds_errors(field, 0, self.most)
        if problems or not (field.unique or field.index) or self.bounds(field)[1] <= LONGEST_KEY:
            return problems
        return [f"too long for an index in PostgreSQL: use str={LONGEST_KEY} or max={LONGEST_KEY}"]

    def samples_of(self, field: Field) -> Samples:
        low, high = self.bounds(field)
        some, new = ((f"{word} {field.words}" + "x" * low)[: max(low, len(word) + 1 + len(field.words))] for word in
                     ("Some", "New"))  # fmt: skip
        some, new = some[:high].strip(), new[:high].strip()
        enough = len(some) + 7 <= high
        fresh = f'f"{some} {{unique_number()}}"' if enough else f"unique_text({min(high, max(low, 8))})"
        return Samples(quoted(some), quoted(new), f'"x" * {number(high + 1)}', some, new, fresh, falls=True)


class Str(Text):
    """A line of at most N characters."""

    arguments = "str=200"

    def bounds(self, field: Field) -> tuple[int, int]:
        low, _ = super().bounds(field)
        return low, field.length

    def check_of(self, field: Field) -> str:
        return f"{super().check_of(field).removesuffix(']')}, SingleLine]"

    def column_of(self, field: Field) -> str:
        return f"String({field.length})"

    def problems_of(self, field: Field) -> list[str]:
        if len(field.args) > 1 or not re.fullmatch(r"[1-9]\d{0,4}", field.args[0] if field.args else "1"):
            return ["the length must be a number from 1 to 99999, for example str=200"]
        if field.high:
            return [f"specify the maximum length with the type: str={field.high}"]
        if (field.unique or field.index) and field.length > LONGEST_KEY:
            return [f"too long for an index in PostgreSQL: use at most str={LONGEST_KEY}"]
        return bounds_errors(field, 0, field.length)


LONGEST_KEY = 500
"""So many characters fit into an index entry of PostgreSQL beside two keys, if each takes four bytes."""


LONGEST_DEFAULT = 60
"""What fits into a line of code."""


class Slug(FieldType):
    """The readable end of an address: lowercase letters, digits, hyphens."""

    modifiers = "optional unique index search default"
    column = "String(100)"
    check = "Slug"

    def default_of(self, field: Field, text: str) -> str:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) or len(text) > 100:  # noqa: PLR2004
            raise ValueError("a slug consists of lowercase letters, digits and single hyphens")
        return quoted(text)

    def samples_of(self, field: Field) -> Samples:
        fresh = 'f"some-slug-{unique_number()}"'
        return Samples('"some-slug"', '"new-slug"', '"Not A Slug"', "some-slug", "new-slug", fresh, falls=True)


class Email(FieldType):
    """An address of mail."""

    modifiers = "optional unique index search"
    column = "String(320)"
    check = "EmailStr"

    def samples_of(self, field: Field) -> Samples:
        one, two = "someone@example.com", "new@example.com"
        return Samples(
            quoted(one), quoted(two), '"nobody"', one, two, 'f"someone{unique_number()}@example.com"', falls=True
        )


class Url(FieldType):
    """An address of a page."""

    modifiers = "optional unique search"
    column = "String(2000)"
    check = "HttpUrlString"
    sorts = False

    def samples_of(self, field: Field) -> Samples:
        one, two = "https://example.com/", "https://example.org/"
        return Samples(
            quoted(one),
            quoted(two),
            '"javascript:alert(1)"',
            one,
            two,
            'f"https://example.com/{unique_number()}"',
            falls=True,
        )
