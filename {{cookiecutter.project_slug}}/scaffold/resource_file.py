"""`app new resources FILE`: many resources in one go, and `app features --schema`, which prints them as such a file.

    # Each block has the arguments of `app new resource`; indented lines continue it.
    Author name:str=120
        bio:text:optional
        --access shared
    Book title:str=200 author:ref=Author

The blocks can be in any order. They are staged one after the other, each when the resources that it refers to are. If
these refer back to it, it is staged without its optional references first.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from scaffold import migration
from scaffold.circles import awaited_by, fields_of, is_deferrable, reachable, split_circle
from scaffold.editing import find_resource, parse_added
from scaffold.errors import ScaffoldError
from scaffold.features import new_files
from scaffold.project import Project, spec_places, specs_of
from scaffold.references import one_must_be_optional
from scaffold.rendering import render_resource
from scaffold.resource import Resource
from scaffold.resource_blocks import Block, Problem, read_blocks
from scaffold.staging import StagingArea, staging_area

Parse = Callable[[Project, Sequence[str]], Resource]
"""Parses the arguments of `app new resource`, or raises ScaffoldError."""


class Staged(NamedTuple):
    """The staged resources."""

    new: list[Resource]
    added: list[tuple[Resource, Resource]]
    """Those to which references are added that close a circle: without these, and with them."""


def write_resources(project: Project, path: Path, parse: Parse, *, dry_run: bool = False) -> list[str]:
    """Write the resources in a file. Returns the written files, or none if they were written before.

    Raises:
        ScaffoldError: with every error in the file; nothing was changed.
    """
    blocks, problems = read_blocks(path)
    with staging_area(project.root, {}) as stage:
        for folder in ("app", "tests/features"):  # so that names and references are looked up among staged resources
            stage.copy_in(folder)
        staged, more = _stage_all(stage, blocks, parse)
        if problems := problems + more:
            raise ScaffoldError(f"{path}, line {line}: {message}" for line, message in sorted(problems))
        if staged.new:
            migration.write_all(stage, staged.new, staged.added)
            stage.format()
        if not dry_run:
            stage.apply()
        return stage.files()


def _stage_all(stage: StagingArea, blocks: Sequence[Block], parse: Parse) -> tuple[Staged, list[Problem]]:
    """Stage the blocks. Returns the new resources, and the errors with their lines."""
    left, failed = list(blocks), dict[str, list[Problem]]()
    named, staged, later = {block.name: block for block in blocks}, Staged([], []), list[Block]()
    while left:
        waiting: dict[str, Block] = {}
        for block in left:
            with _collecting(block, failed):
                staged.new.extend(_stage(stage, parse, block))
            if awaited_by(_messages(failed, block.name), named):
                waiting[block.name] = block
        if len(waiting) == len(left):
            split = split_circle(waiting, {name: _messages(failed, name) for name in failed})
            if split is None:
                break
            waiting[split.first.name] = split.first
            later.append(split.added)
        left = [*waiting.values()]
    for block in later:
        if block.name not in failed:
            with _collecting(block, failed):
                staged.added.append(_add(stage, block))
    return staged, _explained(failed, named)


@contextmanager
def _collecting(block: Block, failed: dict[str, list[Problem]]) -> Iterator[None]:
    """Note the errors in a block, instead of those before."""
    failed.pop(block.name, None)
    try:
        yield
    except ScaffoldError as error:
        failed[block.name] = [(block.line_of(message), message) for message in error.messages]


def _messages(failed: Mapping[str, list[Problem]], name: str) -> list[str]:
    return [message for _, message in failed.get(name, [])]


def _stage(stage: StagingArea, parse: Parse, block: Block) -> list[Resource]:
    """Stage the files of a resource. Returns it if it is new."""
    project = Project(stage.folder)
    resource = parse(project, [word for word, _ in block.words])
    files = new_files(project, resource)
    stage.write(files)
    return [resource] if files else []


def _add(stage: StagingArea, block: Block) -> tuple[Resource, Resource]:
    """Add references to a staged resource. Returns it without them and with them."""
    project = Project(stage.folder)
    command = ("app", "add", "field", *(word for word, _ in block.words))
    before = find_resource(project, block.name)
    after = parse_added(project, before, command, specs_of([command]))
    stage.write(render_resource(after))
    return before, after


def _explained(failed: dict[str, list[Problem]], named: Mapping[str, Block]) -> list[Problem]:
    """Return the errors, without references to resources that have errors themselves; a circle is one."""
    awaited = {name: awaited_by(_messages(failed, name), named) for name in failed}
    required = {name: [words[word] for word in words if not is_deferrable(word)] for name, words in awaited.items()}
    problems: list[Problem] = []
    for name, errors in failed.items():
        for line, message in errors:
            word = next((word for word in awaited[name] if message.startswith(f"{word}: ")), None)
            if word is None:
                problems.append((line, message))
            elif name in reachable(target := awaited[name][word], required) and not is_deferrable(word):
                fix = "" if word.startswith("--") else f": write {word}:optional"
                problems.append((line, f"{word}: {one_must_be_optional(target, name)}{fix}"))
            elif not required[name] and fields_of(named[name]) <= awaited[name].keys():
                add = "add a field, for example title:str=200"
                problems.append((line, f"{word}: {target} refers to {name}, too, which has no other field: {add}"))
    return problems


def schema_text(project: Project) -> str:
    """Return the generated resources of a project as a file that `app new resources` reads."""
    commands = [found for package in project.packages() if (found := project.commands_of(package))]
    return "\n".join(_block_text(found) for found in commands if found[0][:3] == ("app", "new", "resource"))


def _block_text(commands: Sequence[tuple[str, ...]]) -> str:
    fields = [shlex.quote(spec) for spec in specs_of(commands)]
    options: list[str] = []
    for command in commands:
        places = spec_places(command)
        for place, word in enumerate(command[4:], start=4):
            if word.startswith("--"):
                options.append(word)
            elif place not in places:
                options[-1] += f" {shlex.quote(word)}"
    return "\n    ".join([commands[0][3], *fields, *options]) + "\n"
