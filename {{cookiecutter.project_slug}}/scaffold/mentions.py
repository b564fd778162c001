"""Lines that may mean what was renamed or removed, for you to check."""

import re
from collections.abc import Iterable
from typing import NamedTuple


class Mention(NamedTuple):
    """A line written by hand that contains a word."""

    file: str
    line: int
    text: str


def find_mentions(file: str, text: str, generated: str, words: Iterable[str]) -> list[Mention]:
    """Return the lines that contain one of the words and were not generated."""
    pattern = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(map(re.escape, words))})(?![a-z0-9])")
    theirs = set(generated.splitlines())
    return [
        Mention(file, number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if words and line not in theirs and pattern.search(line)
    ]
