"""Which fields can be renamed or removed in two steps."""

import pytest

from scaffold.expansion import removal_errors, rename_errors
from scaffold.field_spec import Target
from scaffold.grammar import parse_resource

GENRE = Target("Genre", "genres", pages=True, admin=True)
SPECS = (
    "title:str note:str:optional pages:int:default=1 size:int:optional:default=2 isbn:str=13:unique"
    " low:int high:int shelf:str=9 genres:many=Genre"
)
BOOK = parse_resource("Book", SPECS.split(), {"Genre": GENRE}.get, unique=["title,shelf"], checks=["low < high"])
FIELDS = {field.name: field for field in BOOK.fields}


@pytest.mark.parametrize(
    ("name", "rename", "removal"),
    [
        ("note", "", ""),
        ("pages", "", ""),
        ("size", "a trigger can't tell null from omitted", ""),
        ("isbn", "compared or unique", "compared or unique"),
        ("low", "compared or unique", "compared or unique"),
        ("high", "compared or unique", "compared or unique"),
        ("shelf", "compared or unique", "compared or unique"),
        ("genres", "a table of its own", ""),
    ],
)
def test_reason_against_two_steps(name: str, rename: str, removal: str) -> None:
    for errors, expected in (
        (rename_errors(BOOK, FIELDS[name]), rename),
        (removal_errors(BOOK, FIELDS[name]), removal),
    ):
        assert bool(errors) == bool(expected)
        assert expected in "".join(errors)


def test_required_field_needs_a_default_before_it_is_removed() -> None:
    author = parse_resource("Author", ["name:str=80", "age:int"], {"Genre": GENRE}.get)

    (error,) = removal_errors(author, author.fields[1])

    assert "`app change field Author age:int:default=…`" in error
    assert rename_errors(author, author.fields[1]) == []
