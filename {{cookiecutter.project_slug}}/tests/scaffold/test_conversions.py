"""Types that a field can be changed to."""

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.conversions import conversion_errors
from scaffold.grammar import parse_resource


@pytest.mark.parametrize(
    ("old", "new", "keeps_values"),
    [
        ("decimal=8,2", "decimal=15,2", True),
        ("decimal=16,2", "decimal=18,2", True),
        ("decimal=8,2", "decimal=8,3", False),
        ("decimal=15,2", "decimal=16,2", False),  # an integer on SQLite
        ("decimal=16,2", "decimal=15,2", False),
        ("list=str", "list=int", False),
        ("phone", "str=20", True),
        ("duration", "time", False),
    ],
)
def test_change_of_a_type_keeps_its_values(old: str, new: str, *, keeps_values: bool) -> None:
    fields = [parse_resource("Book", [f"value:{type_}"], lambda _: None).fields[0] for type_ in (old, new)]

    assert (conversion_errors(*fields) == []) is keeps_values
