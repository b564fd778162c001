"""What a new field adds goes into a file that its owner has changed."""

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.three_way_merge import Collision, merge

BEFORE = "a\nb\nc\n"


@pytest.mark.parametrize(
    ("mine", "after", "expected"),
    [
        pytest.param("a\nb\nc\n", "a\nb\nx\nc\n", "a\nb\nx\nc\n", id="unchanged"),
        pytest.param("a\nb\nc\nd\n", "x\na\nb\nc\n", "x\na\nb\nc\nd\n", id="elsewhere"),
        pytest.param("a\nb\nmine\nc\n", "a\nb\nx\nc\n", "a\nb\nmine\nx\nc\n", id="at-the-same-place"),
        pytest.param("A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n", id="both-changed"),
        pytest.param("b\nc\n", "a\nb\nc\nx\n", "b\nc\nx\n", id="what-was-deleted-stays-so"),
        pytest.param("a\nX\nc\n", "a\nX\nc\n", "a\nX\nc\n", id="done-by-hand-already"),
        pytest.param("", BEFORE, "", id="nothing-new"),
    ],
)
def test_difference_goes_into_what_is_mine(mine: str, after: str, expected: str) -> None:
    assert merge(BEFORE, mine, after) == expected


def test_change_of_the_same_line_is_not_made() -> None:
    with pytest.raises(Collision, match=r"-b\n\+new"):
        merge(BEFORE, "a\nmine\nc\n", "a\nnew\nc\n")
