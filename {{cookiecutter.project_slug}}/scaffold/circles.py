"""Resources in a file that refer to each other, directly or indirectly.

One of them is written without the optional references that close the circle. These are added when the other resources
exist, as `app add field` adds them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scaffold.project import specs_of
from scaffold.references import unknown_target
from scaffold.resource_blocks import Block, Word

_CONSTRAINTS = ("--unique", "--check")


class Split(NamedTuple):
    """The arguments of a resource in two parts."""

    first: Block
    added: Block
    """The references, and the constraints that name them."""


def split_circle(waiting: Mapping[str, Block], messages: Mapping[str, Sequence[str]]) -> Split | None:
    """Split a resource of which only optional references wait for a circle; None if each circle has required ones only.

    `messages` are the errors of each waiting resource.
    """
    awaited = {name: awaited_by(found, waiting) for name, found in messages.items() if name in waiting}
    names = {name: list(words.values()) for name, words in awaited.items()}
    for name, words in awaited.items():
        closes = all(is_deferrable(word) and name in reachable(target, names) for word, target in words.items())
        if closes and len(words) == len(messages[name]) and fields_of(waiting[name]) - words.keys():
            return _split(waiting[name], set(words))
    return None


def awaited_by(messages: Sequence[str], names: Mapping[str, Block]) -> dict[str, str]:
    """Return the arguments that refer to resources of the file that don't exist yet, each with its resource."""
    found = {f": {unknown_target(name)}": name for name in names}
    ends = [(message, end) for message in messages for end in found if message.endswith(end)]
    return {message.removesuffix(end): found[end] for message, end in ends}


def fields_of(block: Block) -> set[str]:
    """Return the arguments that are fields."""
    return set(specs_of([("app", "new", "resource", *(word for word, _ in block.words))]))


def is_deferrable(word: str) -> bool:
    """Return whether an argument is a reference that rows can do without."""
    _, _, kind = word.partition(":")
    return "optional" in kind.split(":") or kind.startswith("many")


def reachable(name: str, awaited: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the resources that a resource waits for, directly or indirectly."""
    found: set[str] = set()
    left = [name]
    while left:
        new = {*awaited.get(left.pop(), [])} - found
        found |= new
        left += new
    return found


def _split(block: Block, references: set[str]) -> Split:
    names = {word.partition(":")[0] for word in references}
    first: list[Word] = []
    added = [block.words[0]]
    option: Word | None = None
    for word in block.words:
        if word[0] in _CONSTRAINTS and option is None:
            option = word
        elif option is not None:
            (added if names & {*re.findall(r"\w+", word[0])} else first).extend([option, word])
            option = None
        else:
            (added if word[0] in references else first).append(word)
    return Split(Block(tuple(first)), Block(tuple(added)))
