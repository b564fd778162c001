"""Changes of the templates' output are merged into edited files."""

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.three_way_merge import MergeConflict, merge

BEFORE = "a\nb\nc\n"


@pytest.mark.parametrize(
    ("mine", "after", "expected"),
    [
        pytest.param("a\nb\nc\n", "a\nb\nx\nc\n", "a\nb\nx\nc\n", id="unchanged"),
        pytest.param("a\nb\nc\nd\n", "x\na\nb\nc\n", "x\na\nb\nc\nd\n", id="elsewhere"),
        pytest.param("a\nb\nmine\nc\n", "a\nb\nx\nc\n", "a\nb\nmine\nx\nc\n", id="added-on-both-sides"),
        pytest.param("A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n", id="both-changed"),
        pytest.param("b\nc\n", "a\nb\nc\nx\n", "b\nc\nx\n", id="deleted-line-stays-deleted"),
        pytest.param("a\nX\nc\n", "a\nX\nc\n", "a\nX\nc\n", id="already-applied"),
        pytest.param("", BEFORE, "", id="nothing-new"),
    ],
)
def test_change_is_merged_into_edited_file(mine: str, after: str, expected: str) -> None:
    assert merge(BEFORE, mine, after) == expected


def test_change_of_the_same_line_is_a_conflict() -> None:
    with pytest.raises(MergeConflict, match=r"-b\n\+new"):
        merge(BEFORE, "a\nmine\nc\n", "a\nnew\nc\n")


def test_words_that_changed_in_an_edited_line_are_merged() -> None:
    before, mine = "<h1>book.title</h1>\n", '<h1 class="big">book.title</h1>\n'
    after = before.replace("title", "heading")

    assert merge(before, mine, after, by_words=True) == mine.replace("title", "heading")
    with pytest.raises(MergeConflict):
        merge(before, mine.replace("title", "name"), after, by_words=True)
