"""Three-way merge of template changes into files that may have been edited.

    before   what the templates generated
    mine     the current file
    after    what the templates generate now

Only lines that differ between `before` and `after` change in `mine`. Lines added on both sides are all kept.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher


class MergeConflict(ValueError):
    """The same lines were changed on both sides. The message is a diff to apply by hand."""


def merge(before: str, mine: str, after: str, *, by_words: bool = False) -> str:
    """Apply the changes between `before` and `after` to `mine`.

    With `by_words`, as for names that change, both sides may change different words of the same line.

    Raises:
        MergeConflict: if `mine` changed the same lines or words.
    """
    result: list[str] = []
    for was, kept, wanted in _regions(*(text.splitlines(keepends=True) for text in (before, mine, after))):
        if kept in (was, wanted):
            result += wanted
        elif wanted == was:
            result += kept
        elif not was:
            result += kept + wanted
        elif by_words and (words := _merged_words(*("".join(lines) for lines in (was, kept, wanted)))):
            result.append(words)
        else:
            raise MergeConflict("".join(f"-{line}" for line in was) + "".join(f"+{line}" for line in wanted))
    return "".join(result)


def _merged_words(before: str, mine: str, after: str) -> str | None:
    """Merge word by word. Returns None if both sides changed the same words."""
    result: list[str] = []
    for was, kept, wanted in _regions(*(re.findall(r"\w+|\s+|.", text) for text in (before, mine, after))):
        if was not in (kept, wanted) and kept != wanted:
            return None
        result += kept if wanted == was else wanted
    return "".join(result)


def _regions(old: list[str], own: list[str], new: list[str]) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Split all three texts at the lines that they share: (before, mine, after) of each part."""
    mine, after = _matches(old, own), _matches(old, new)
    start = i = j = 0
    for line in range(len(old)):
        if line in mine and line in after:
            if (line, mine[line], after[line]) != (start, i, j):
                yield old[start:line], own[i : mine[line]], new[j : after[line]]
            yield [old[line]], [own[mine[line]]], [new[after[line]]]
            start, i, j = line + 1, mine[line] + 1, after[line] + 1
    yield old[start:], own[i:], new[j:]


def _matches(old: list[str], other: list[str]) -> dict[int, int]:
    """Map line numbers of `old` to those of the same lines in `other`."""
    blocks = SequenceMatcher(None, old, other, autojunk=False).get_matching_blocks()
    return {block.a + n: block.b + n for block in blocks for n in range(block.size)}
