"""The features that are there already: read from their files, without importing them."""

import ast
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from scaffold.grammar import ScaffoldError, nearest, parse_fields, parse_resource
from scaffold.names import Names, snake
from scaffold.plurals import plural
from scaffold.resource import Resource, Target, title_of

ROOT = Path(__file__).parent.parent


Command = tuple[str, ...]
"""A command line that wrote something, word by word: app new resource Note title:str …"""

_WITH_VALUE = ("--access", "--plural")


def specs_of(commands: Sequence[Command]) -> list[str]:
    """Return the fields that the commands name."""
    found: list[str] = []
    for command in commands:
        for before, word in pairwise(command[3:]):
            if not word.startswith("--") and before not in _WITH_VALUE:
                found.append(word)
    return found


def option_of(command: Command, name: str) -> str | None:
    """Return the value of an option."""
    return command[command.index(name) + 1] if name in command else None


@dataclass(frozen=True)
class Project:
    """A project that is generated into."""

    root: Path = ROOT

    @property
    def features(self) -> Path:
        """Return the folder of the features."""
        return self.root / "app" / "features"

    @property
    def has_pages(self) -> bool:
        """Tell whether the project has pages for people."""
        return (self.root / "app" / "web" / "home.py").exists()

    @property
    def has_admin(self) -> bool:
        """Tell whether the project has an admin."""
        return (self.root / "app" / "admin").is_dir()

    def commands_of(self, package: str) -> list[Command]:
        """Return the commands that wrote a feature, the first one first."""
        text = ast.get_docstring(ast.parse(_read(self.features / package / "__init__.py"))) or ""
        lines = re.sub(r" \\\n\s*", " ", text).splitlines()
        commands = [line.strip() for line in lines if re.match(r" +app (new|add) \w+ [A-Z]", line)]
        try:
            return [tuple(shlex.split(command)) for command in commands]
        except ValueError as error:
            raise ScaffoldError([f"app/features/{package}/__init__.py: {error} in a command line"]) from error

    def packages(self) -> list[str]:
        """List the features."""
        return sorted(path.parent.name for path in self.features.glob("*/__init__.py"))

    def package_of(self, name: str) -> str | None:
        """Return the package of a resource."""
        likely = plural(snake(name))
        for package in sorted(self.packages(), key=lambda found: found != likely):
            commands = self.commands_of(package)
            if commands and commands[0][3] == name:
                return package
            if not commands and _class_of(self.features / package / "models.py", package) == name:
                return package
        return None

    def problems_of(self, names: Names) -> list[str]:
        """Say what the project has already under the names that a resource would use."""
        functions = {f"{verb}_{names.snake}" for verb in ("create", "read", "update", "delete")}
        functions.add(f"list_{names.plural}")
        pattern = re.compile(rf"^(?:async )?def ({'|'.join(sorted(functions))})\(", re.MULTILINE)
        problems = []
        package = self.package_of(names.name)
        for path in sorted((self.root / "app").rglob("*.py")):
            inside = path.relative_to(self.root).as_posix()
            if "routes" in path.name and not inside.startswith(f"app/features/{names.plural}/"):
                problems += [
                    f"{names.name}: {inside} has a route called {found} already; say more, such as My{names.name}"
                    for found in pattern.findall(path.read_text())
                ]
            if path.name == "models.py" and f'__tablename__ = "{names.plural}"' in path.read_text() and package is None:
                problems.append(
                    f"{names.name}: {inside} has a table {names.plural} already; give another plural, such as"
                    f" --plural {names.snake}_list"
                )
        if (self.features / names.plural).exists() and package is None:
            problems.append(f"app/features/{names.plural} is there already: give another plural with --plural")
        return problems

    def unknown(self, name: str) -> str:
        """Say that there is no such resource, and which one could be meant."""
        for path in sorted((self.root / "app").rglob("models.py")):
            if re.search(rf"^class {re.escape(name)}\(", path.read_text(encoding="utf-8"), re.MULTILINE):
                return (
                    f"{name} is in {path.relative_to(self.root).as_posix()}, which `app new resource` did not write: "
                    "change the model and its schemas by hand, then run `app db revision -m …` and `app db upgrade`"
                )
        names = [commands[0][3] for commands in map(self.commands_of, self.packages()) if commands]
        return f"there is no resource {name}: {nearest(name, names)}" if names else f"there is no resource {name}"

    def resource_of(self, package: str) -> Resource | None:
        """Return a resource as the commands that wrote it say; none when it was written by hand."""
        commands = self.commands_of(package)
        if not commands or commands[0][:3] != ("app", "new", "resource"):
            return None
        first = commands[0]
        try:
            return parse_resource(
                first[3],
                specs_of(commands),
                self.find_target,
                access=option_of(first, "--access") or "owned",
                plural_given=package,
                pages=self.has_pages and "--no-pages" not in first,
                admin=self.has_admin and "--no-admin" not in first,
                commands=commands,
            )
        except ScaffoldError:
            return None

    def find_target(self, name: str) -> Target | None:
        """Return a resource as references see it."""
        package = self.package_of(name)
        if package is None:
            return None
        commands = self.commands_of(package)
        pages, admin = ((self.features / package / f"{module}.py").exists() for module in ("pages", "admin"))
        if not commands:
            if f"def {package}_for(" not in _read(self.features / package / "service.py"):
                return None  # written by hand, in a way of its own
            owned = "Owned" in _read(self.features / package / "models.py")
            return Target(name, package, "owned" if owned else "shared", None, pages, admin, self._imported_by(package))
        access = option_of(commands[0], "--access") or "owned"
        fields, _ = parse_fields(Names(name, package), specs_of(commands), self._find_name, access)
        return Target(name, package, access, title_of(tuple(fields)), pages, admin, self._imported_by(package))

    def _find_name(self, name: str) -> Target | None:
        """Return a resource as far as its name goes."""
        package = self.package_of(name)
        return Target(name, package) if package else None

    def _imported_by(self, package: str) -> frozenset[str]:
        """Return the features that a feature imports, directly and through others."""
        found: set[str] = set()
        left = [package]
        while left:
            folder = self.features / left.pop()
            code = "".join(_read(folder / module) for module in ("models.py", "service.py"))
            new = {*re.findall(r"\bapp\.features(?:\.| import )(\w+)", code)} - found
            found |= new
            left += new
        return frozenset(found - {package})


def _class_of(path: Path, table: str) -> str | None:
    """Return the class that a module has for a table."""
    for node in ast.parse(_read(path)).body:
        if isinstance(node, ast.ClassDef) and f"__tablename__ = '{table}'" in ast.unparse(node):
            return node.name
    return None


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
