"""Lines that may mean what was renamed or removed, for you to check."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from scaffold.project import Project
from scaffold.rendering import render_resource
from scaffold.staging import StagingArea


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


def without_generated(project: Project, stage: StagingArea, mentions: list[Mention]) -> list[Mention]:
    """Leave out lines that were generated for other resources, which refer to the changed one."""
    packages = {found.file.split("/")[2] for found in mentions if "/features/" in found.file}
    if not packages:
        return mentions
    resources = filter(None, map(project.resource_of, sorted(packages)))
    files = {name: text for resource in resources for name, text in render_resource(resource).items()}
    generated = {name: {*map(str.strip, text.splitlines())} for name, text in stage.formatted(files).items()}
    return [found for found in mentions if found.text not in generated.get(found.file, set())]
