"""`app new resources FILE`: many resources in one go, and `app features --schema`, which prints them as such a file.

    # Each block has the arguments of `app new resource`; indented lines continue it.
    Author name:str=120
        bio:text:optional
        --access shared
    Book title:str=200 author:ref=Author

The blocks can be in any order. They are staged one after the other, each when the resources that it refers to are.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold import migration
from scaffold.errors import ScaffoldError
from scaffold.features import new_files
from scaffold.project import Project, spec_places, specs_of
from scaffold.references import unknown_target
from scaffold.resource import Resource
from scaffold.staging import StagingArea, staging_area

Parse = Callable[[Project, Sequence[str]], Resource]
"""Parses the arguments of `app new resource`, or raises ScaffoldError."""

Problem = tuple[int, str]
"""A line, and what is wrong in it."""


@dataclass(frozen=True)
class Block:
    """The arguments of a resource, each with its line."""

    words: tuple[tuple[str, int], ...]

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


def write_resources(project: Project, path: Path, parse: Parse, *, dry_run: bool = False) -> list[str]:
    """Write the resources in a file. Returns the written files, or none if they were written before.

    Raises:
        ScaffoldError: with every error in the file; nothing was changed.
    """
    blocks, problems = read_blocks(path)
    with staging_area(project.root, {}) as stage:
        for folder in ("app", "tests/features"):  # so that names and references are looked up among staged resources
            stage.copy_in(folder)
        resources, more = _stage_all(stage, blocks, parse)
        if problems := problems + more:
            raise ScaffoldError(f"{path}, line {line}: {message}" for line, message in sorted(problems))
        for resource in resources:
            migration.write_tables(stage, resource)
        if resources:
            stage.format()
        if not dry_run:
            stage.apply()
        return stage.files()


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


def _stage_all(stage: StagingArea, blocks: Sequence[Block], parse: Parse) -> tuple[list[Resource], list[Problem]]:
    """Stage the blocks. Returns the new resources, and the errors with their lines."""
    staged, left, failed = Project(stage.folder), list(blocks), dict[str, list[Problem]]()
    resources: list[Resource] = []
    while left:
        waiting: dict[str, Block] = {}
        for block in left:
            try:
                resources += _stage(stage, staged, parse(staged, [word for word, _ in block.words]))
                failed.pop(block.name, None)
            except ScaffoldError as error:
                failed[block.name] = [(block.line_of(message), message) for message in error.messages]
                if _awaited(error.messages, blocks):
                    waiting[block.name] = block
        if len(waiting) == len(left):
            break
        left = [*waiting.values()]
    return resources, _explained(failed, blocks)


def _stage(stage: StagingArea, staged: Project, resource: Resource) -> list[Resource]:
    """Stage the files of a resource. Returns it if it is new."""
    files = new_files(staged, resource)
    stage.write(files)
    return [resource] if files else []


def _awaited(messages: Sequence[str], blocks: Sequence[Block]) -> list[str]:
    """Return the resources of the file that these errors don't find yet."""
    return [block.name for block in blocks if any(message.endswith(unknown_target(block.name)) for message in messages)]


def _explained(failed: dict[str, list[Problem]], blocks: Sequence[Block]) -> list[Problem]:
    """Return the errors, without references to resources that have errors themselves; a circle is one."""
    awaited = {name: _awaited([message for _, message in errors], blocks) for name, errors in failed.items()}
    problems: list[Problem] = []
    for name, errors in failed.items():
        for line, message in errors:
            missing = next((other for other in awaited[name] if message.endswith(unknown_target(other))), None)
            if missing is None:
                problems.append((line, message))
            elif name in _reachable(missing, awaited):
                circular = (
                    f"{missing} refers to {name}, too, directly or indirectly, so this would be a circular import"
                )
                advice = "keep one of the references and write the other one by hand"
                problems.append((line, f"{message.removesuffix(unknown_target(missing))}{circular}: {advice}"))
    return problems


def _reachable(name: str, awaited: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    left = [name]
    while left:
        new = {*awaited.get(left.pop(), [])} - found
        found |= new
        left += new
    return found


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
