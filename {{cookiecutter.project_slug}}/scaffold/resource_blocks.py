"""Read a file of resources: each block has the arguments of `app new resource`, and indented lines continue it."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import ScaffoldError

Problem = tuple[int, str]
"""A line, and what is wrong in it."""

Word = tuple[str, int]
"""An argument, and its line."""


@dataclass(frozen=True)
class Block:
    """The arguments of a resource, each with its line."""

    words: tuple[Word, ...]

    @property
    def name(self) -> str:
        """Return the name of the resource."""
        return self.words[0][0]

    @property
    def line(self) -> int:
        """Return the first line."""
        return self.words[0][1]

    def line_of(self, message: str) -> int:
        """Return the line of the argument that an error is about, or the first line."""
        return next((line for word, line in self.words if message.startswith(f"{word}: ")), self.line)


def read_blocks(path: Path) -> tuple[list[Block], list[Problem]]:
    """Read the blocks of a file. Returns those that are valid, and the problems of the others.

    Raises:
        ScaffoldError: the file is empty or not text.
    """
    blocks: list[list[tuple[str, int]]] = []
    problems: list[Problem] = []
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            words = [(word, number) for word in shlex.split(line)]
        except ValueError:
            problems.append((number, "a quotation mark is not closed"))
            words = [(line.split()[0], number)]
        if line[0].isspace() and blocks:
            blocks[-1] += words
        else:
            blocks.append(words)
    if not blocks:
        raise ScaffoldError([f"{path} contains no resources"])
    found = [Block(tuple(words)) for words in blocks]
    first = {block.name: block for block in reversed(found)}
    problems += [
        (block.line, f"{block.name} is already defined in line {first[block.name].line}")
        for block in found
        if first[block.name] is not block
    ]
    return [block for block in found if first[block.name] is block], problems


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScaffoldError([f"{path} is not a text file in UTF-8"]) from error
