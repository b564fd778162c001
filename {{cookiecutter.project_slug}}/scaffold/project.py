"""Inspect existing features by parsing their files, without importing them."""

import ast
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, wraps
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from scaffold.access import OWNED, PRESETS, Access, parse_access
from scaffold.errors import ScaffoldError, nearest
from scaffold.field import Field, title_of
from scaffold.field_spec import Target
from scaffold.grammar import parse_fields, parse_resource
from scaffold.names import Names, snake
from scaffold.nesting import access_under
from scaffold.plurals import plural
from scaffold.resource import Resource

ROOT = Path(__file__).parent.parent

T = TypeVar("T")

Command = tuple[str, ...]
"""A command line that generated code, split into arguments: app new resource Note title:str …"""

_WITH_VALUE = ("--access", "--read", "--write", "--plural", "--unique", "--check", "--by", "--under")


def specs_of(commands: Sequence[Command]) -> list[str]:
    """Return the fields in these commands."""
    return [command[place] for command in commands for place in spec_places(command)]


def spec_places(command: Command) -> list[int]:
    """Return the positions of the fields in a command, after the name of the resource."""
    numbered = enumerate(pairwise(command[3:]), start=4)
    return [place for place, (before, text) in numbered if not text.startswith("--") and before not in _WITH_VALUE]


def options_of(commands: Sequence[Command], name: str) -> list[str]:
    """Return the values of an option that can be repeated."""
    return [argument for command in commands for before, argument in pairwise(command) if before == name]


def option_of(command: Command, name: str) -> str | None:
    """Return the value of an option, or None."""
    return command[command.index(name) + 1] if name in command else None


def access_of(command: Command) -> Access:
    """Return the access that a command specifies."""
    access, _ = parse_access(*(option_of(command, name) for name in ("--access", "--read", "--write")))
    return access


def _remembered(method: Callable[["Project", str], T]) -> Callable[["Project", str], T]:
    """Remember what a method of a project returns for a name."""

    @wraps(method)
    def find(project: "Project", name: str) -> T:
        key = method.__name__, name
        if key not in project.known:
            project.known[key] = method(project, name)
        return project.known[key]  # type: ignore[no-any-return] # what the method returned

    return find


@dataclass(frozen=True)
class Project:
    """A generated project. It reads each file once: after changing files, create another."""

    root: Path = ROOT
    moved: Mapping[str, str] = field(default_factory=dict)
    """The new names of features whose imports still have the old ones."""
    known: dict[tuple[str, str], Any] = field(default_factory=dict, compare=False, repr=False)
    """What was found so far, by method and name."""

    @property
    def features(self) -> Path:
        """Return the path of the features."""
        return self.root / "app" / "features"

    @property
    def has_pages(self) -> bool:
        """Return whether the project has web pages."""
        return (self.root / "app" / "web" / "home.py").exists()

    @property
    def has_admin(self) -> bool:
        """Return whether the project has an admin."""
        return (self.root / "app" / "admin").is_dir()

    @property
    def has_live(self) -> bool:
        """Return whether the project has live updates."""
        return (self.root / "app" / "live").is_dir()

    @_remembered
    def commands_of(self, package: str) -> list[Command]:
        """Return the commands that generated a feature, in the order in which they were run."""
        try:
            return list(_commands_in(_read(self.features / package / "__init__.py")))
        except ValueError as error:
            raise ScaffoldError([f"app/features/{package}/__init__.py: invalid command line: {error}"]) from error

    def packages(self) -> list[str]:
        """List the features."""
        return sorted(path.parent.name for path in self.features.glob("*/__init__.py"))

    @_remembered
    def package_of(self, name: str) -> str | None:
        """Return the package of a resource, or None."""
        for package in self._likely_packages(plural(snake(name))):
            commands = self.commands_of(package)
            if commands and commands[0][3] == name:
                return package
            if not commands and _class_of(self.features / package / "models.py", package) == name:
                return package
        return None

    def _likely_packages(self, likely: str) -> Iterator[str]:
        """Yield this package, then the others. Listing them takes long, and is hardly ever needed."""
        yield likely
        yield from (package for package in self.packages() if package != likely)

    def name_conflicts(self, names: Names) -> list[str]:
        """Return an error for each name of a new resource that is already in use."""
        functions = {f"{verb}_{names.snake}" for verb in ("create", "read", "update", "delete")}
        functions.add(f"list_{names.plural}")
        pattern = re.compile(rf"^(?:async )?def ({'|'.join(sorted(functions))})\(", re.MULTILINE)
        errors = []
        package = self.package_of(names.name)
        for path in sorted((self.root / "app").rglob("*.py")):
            inside = path.relative_to(self.root).as_posix()
            if "routes" in path.name and not inside.startswith(f"app/features/{names.plural}/"):
                errors += [
                    f"{names.name}: {inside} already has a route named {found}: use a more specific name, for"
                    f" example My{names.name}"
                    for found in pattern.findall(path.read_text())
                ]
            if path.name == "models.py" and f'__tablename__ = "{names.plural}"' in path.read_text() and package is None:
                errors.append(
                    f"{names.name}: {inside} already has a table {names.plural}: set another plural, for example"
                    f" --plural {names.snake}_list"
                )
        if (self.features / names.plural).exists() and package is None:
            errors.append(f"app/features/{names.plural} already exists: set another plural with --plural")
        return errors

    def unknown(self, name: str) -> str:
        """Return the error for an unknown resource, with the most similar name."""
        for path in sorted((self.root / "app").rglob("models.py")):
            if re.search(rf"^class {re.escape(name)}\(", path.read_text(encoding="utf-8"), re.MULTILINE):
                return (
                    f"{name} is in {path.relative_to(self.root).as_posix()}, not generated by `app new resource`. "
                    "Change the model and schemas by hand, then run `app db revision -m …` and `app db upgrade`"
                )
        names = [commands[0][3] for commands in map(self.commands_of, self.packages()) if commands]
        return (
            f"unknown resource {name}: {nearest(name, names)}"
            if names
            else f"unknown resource {name}: this project has no generated resources"
        )

    @_remembered
    def resource_of(self, package: str) -> Resource | None:
        """Return a resource as its commands specify it, or None if it was not generated."""
        commands = self.commands_of(package)
        if not commands or commands[0][:3] != ("app", "new", "resource"):
            return None
        try:
            return self.parse(package, commands)
        except ScaffoldError:
            return None

    def parse(self, package: str, commands: Sequence[Command]) -> Resource:
        """Return a resource as these commands specify it.

        Raises:
            ScaffoldError: with every error in them.
        """
        first = commands[0]
        return parse_resource(
            first[3],
            specs_of(commands),
            self.find_target,
            access=option_of(first, "--access"),
            read=option_of(first, "--read"),
            write=option_of(first, "--write"),
            plural_given=package,
            unique=options_of(commands, "--unique"),
            checks=options_of(commands, "--check"),
            by=option_of(first, "--by") or "",
            under=option_of(first, "--under") or "",
            pages=self.has_pages and "--no-pages" not in first,
            admin=self.has_admin and "--no-admin" not in first,
            live="--live" in first,
            commands=commands,
        )

    @_remembered
    def find_target(self, name: str) -> Target | None:
        """Return a resource as a target of references, or None."""
        package = self.package_of(name)
        if package is None:
            return None
        commands = self.commands_of(package)
        pages, admin = ((self.features / package / f"{module}.py").exists() for module in ("pages", "admin"))
        if not commands:
            if f"def {package}_for(" not in _read(self.features / package / "service.py"):
                return None  # written by hand, without the function that the templates call
            owned = "Owned" in _read(self.features / package / "models.py")
            access, refers_to = PRESETS["owned" if owned else "shared"], self._imports_of(package)
            return Target(name, package, access, None, pages, admin, refers_to=refers_to, generated=False)
        parent = self._parent_of(commands[0])
        by, refers_to = option_of(commands[0], "--by") or "", self._imports_of(package)
        title, with_users = title_of(self._fields_of(package)), self._is_deleted_with_users(package)
        access = self._access_as_target(commands[0])
        return Target(name, package, access, title, pages, admin, by, refers_to, with_users, parent)

    def _fields_of(self, package: str) -> list[Field]:
        """Return the fields of a generated resource; of their targets, only the names and the access are known."""
        commands = self.commands_of(package)
        names, access = Names(commands[0][3], package), self.access_of(commands[0])
        return parse_fields(names, specs_of(commands), self._find_name, access)[0]

    def _is_deleted_with_users(self, package: str, seen: frozenset[str] = frozenset()) -> bool:
        """Return whether rows are deleted with a user who isn't their owner, directly or by other references."""
        commands = self.commands_of(package)
        if package in seen or not commands:
            return False
        access = self.access_of(commands[0])
        if (parent := self._parent_of(commands[0])) and (
            parent.access.owned or self._is_deleted_with_users(parent.plural, seen | {package})
        ):
            return True
        return any(
            target.is_user
            or target.access.has_other_owners_than(access)
            or self._is_deleted_with_users(target.plural, seen | {package})
            for target in (item.target for item in self._fields_of(package) if item.on_delete == "cascade")
        )

    def _find_name(self, name: str) -> Target | None:
        """Return a target that has only names and its access, which is enough to parse fields."""
        package = self.package_of(name)
        if package is None:
            return None
        commands = self.commands_of(package)
        by = option_of(commands[0], "--by") or "" if commands else ""
        return Target(name, package, self._access_as_target(commands[0]) if commands else OWNED, by=by)

    def access_of(self, command: Command) -> Access:
        """Return the access that a command specifies, which depends on that of the resource it is under."""
        parent = self._parent_of(command)
        if parent is None:
            return access_of(command)
        given = any(name in command for name in ("--access", "--read", "--write"))
        return access_under(parent, access_of(command) if given else None)[0]

    def _access_as_target(self, command: Command) -> Access:
        """Return what references to its rows must expect: only some users see what is under a private row."""
        parent = self._parent_of(command)
        return OWNED if parent and parent.access.private else self.access_of(command)

    def _parent_of(self, command: Command) -> Target | None:
        """Return the resource that a command names with `--under`, or None."""
        name = option_of(command, "--under")
        return self._find_name(name) if name else None

    def _imports_of(self, package: str) -> frozenset[str]:
        """Return the features that a feature imports when it is loaded, directly or indirectly."""
        found: set[str] = set()
        left = [package]
        while left:
            folder = self.features / left.pop()
            code = "".join(_read(folder / module) for module in ("models.py", "service.py"))
            # Indented imports are those of references back.
            names = re.findall(r"^(?:from|import) app\.features(?:\.| import )(\w+)", code, re.MULTILINE)
            new = {self.moved.get(name, name) for name in names} - found
            found |= new
            left += new
        return frozenset(found - {package})


@cache
def _commands_in(code: str) -> tuple[Command, ...]:
    """Return the commands in the docstring of a module."""
    text = ast.get_docstring(ast.parse(code)) or ""
    lines = re.sub(r" \\\n\s*", " ", text).splitlines()
    return tuple(tuple(shlex.split(line)) for line in lines if re.match(r" +app (new|add) \w+ [A-Z]", line))


def _class_of(path: Path, table: str) -> str | None:
    """Return the name of the class in a module that maps a table."""
    for node in ast.parse(_read(path)).body:
        if isinstance(node, ast.ClassDef) and f"__tablename__ = '{table}'" in ast.unparse(node):
            return node.name
    return None


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
