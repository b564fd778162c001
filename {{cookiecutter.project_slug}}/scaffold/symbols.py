"""Names that Python code of a resource defines, and how they differ between two versions of it."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

Changes = dict[str, str | None]
"""The new name of each name that changed, or None if it was removed."""


@dataclass(frozen=True)
class Symbols:
    """What changed in the names of a resource's code. Modules and classes have their old names here."""

    in_order: bool = False
    """Whether names only changed, so that those before and after correspond by their order."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """The new names of packages: app.features.books → app.features.volumes."""
    names: dict[str, Changes] = field(default_factory=dict)
    """The names that changed in each module."""
    members: dict[tuple[str, str], Changes] = field(default_factory=dict)
    """The attributes that changed in each class of a module."""

    def add(self, module: str, before: str, after: str) -> None:
        """Compare two versions of a module."""
        old, new = _definitions(ast.parse(before)), _definitions(ast.parse(after))
        self.names[module] = self._changes(list(old), list(new))
        renamed = self.names[module]
        for name, members in old.items():
            now = new.get(renamed.get(name, name) or "")
            if now is not None:
                self.members[module, name] = self._changes(members, now)

    @cached_property
    def imports(self) -> re.Pattern[str]:
        """Return a pattern for imports of these modules. Code without one is not parsed, which takes long."""
        packages = "|".join(sorted({re.escape(module.split(".")[-2]) for module in self.names}))
        return re.compile(rf"\bfeatures(?:\.(?:{packages})\b|[ ]import\b)")

    def _changes(self, old: list[str], new: list[str]) -> Changes:
        if self.in_order:
            return {name: other for name, other in zip(old, new, strict=True) if name != other}
        return {name: None for name in old if name not in new}


def _definitions(module: ast.Module) -> dict[str, list[str]]:
    """Return the names that a module defines, each with its attributes if it is a class."""
    return {name: names for node in module.body for name, names in _defined(node)}


def _defined(node: ast.stmt) -> list[tuple[str, list[str]]]:
    if isinstance(node, ast.ClassDef):
        return [(node.name, [name for item in node.body for name, _ in _defined(item)])]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [(node.name, [])]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [(target.id, []) for target in targets if isinstance(target, ast.Name)]
