"""Rename what Python code uses of a resource. Only names that certainly mean it are found.

A name means the resource if it was imported from its code, or if it is an attribute of what was: of a module, of a
class, or of a parameter that is annotated with a class.
"""

import ast
from dataclasses import dataclass, field
from typing import NamedTuple

from scaffold.symbols import Changes, Symbols


class Meaning(NamedTuple):
    """What a name means: a module (then `name` is empty), or something that a module defines."""

    module: str
    name: str = ""


@dataclass
class Renamed:
    """A file with the new names, and the lines that use names which were removed."""

    text: str
    removed: list[tuple[str, str]] = field(default_factory=list)
    imports_it: bool = False


def rename(text: str, module: str, symbols: Symbols, file: str, before: str = "") -> Renamed:
    """Rename what a module uses of the resource. `before` is its text when its imports had the old names.

    Raises:
        SyntaxError: if it is not valid Python.
    """
    if module not in symbols.names and not symbols.imports.search(text):
        return Renamed(text)
    tree = ast.parse(text, filename=file)
    finder = _Finder(module, symbols, tree)
    for statement in ast.walk(ast.parse(before)):
        finder.note_import(statement)
    finder.visit(tree)
    result = Renamed("", imports_it=bool(finder.imported))
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for line, column, old, new in sorted(finder.found, reverse=True):
        if new is None:
            result.removed.append((lines[line - 1].decode().strip(), old))
        else:
            found = lines[line - 1]
            lines[line - 1] = found[:column] + new.encode() + found[column + len(old.encode()) :]
    result.text = b"".join(lines).decode()
    return result


class _Finder(ast.NodeVisitor):
    """Collects the positions of changed names."""

    def __init__(self, module: str, symbols: Symbols, tree: ast.Module) -> None:
        self.module = module
        self.symbols = symbols
        self.found: set[tuple[int, int, str, str | None]] = set()
        """Line, column in bytes, old name and new name."""
        self.imported: dict[str, Meaning] = {}
        self.own = {name: Meaning(module, name) for name in symbols.names.get(module, {})}
        self.own |= {name: Meaning(*key) for key in symbols.members if key[0] == module for name in [key[1]]}
        self.aliases: dict[str, ast.expr] = {}
        self.locals: list[dict[str, Meaning | None]] = []
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.aliases[node.targets[0].id] = node.value

    def note_import(self, node: ast.AST) -> None:
        """Remember what an import of the resource's code is called."""
        if isinstance(node, ast.Import):
            known = [item for item in node.names if item.asname and self._is_module(item.name)]
            self.imported |= {item.asname: Meaning(item.name) for item in known if item.asname}
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for item in node.names:
                inside = f"{module}.{item.name}"
                if self._is_module(inside):
                    self.imported[item.asname or item.name] = Meaning(inside)
                elif module in self.symbols.names:
                    self.imported[item.asname or item.name] = Meaning(module, item.name)

    def visit_Import(self, node: ast.Import) -> None:
        self.note_import(node)
        for item in node.names:
            self._rename_package(item.lineno, item.col_offset, item.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.note_import(node)
        module = node.module or ""
        self._rename_package(node.lineno, node.col_offset + len("from "), module)
        for item in node.names:
            self._add(item.lineno, item.col_offset, item.name, self._new_name(module, item.name))

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        stored = {
            item.id: None for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
        }
        known = {item.arg: self._annotated(item.annotation) for item in arguments}
        for part in [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]:
            self.visit(part)
        self.locals.append({**known, **stored})
        for statement in node.body:
            self.visit(statement)
        self.locals.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Name(self, node: ast.Name) -> None:
        meaning = self._meaning(node)
        if meaning is None or any(node.id in scope for scope in self.locals):
            return
        old = meaning.name or meaning.module.rpartition(".")[2]
        if node.id == old:
            package = meaning.module if meaning.name else meaning.module.rpartition(".")[0]
            self._add(node.lineno, node.col_offset, old, self._new_name(package, old))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        meaning = self._meaning(node.value)
        if meaning is not None and node.end_col_offset is not None and node.end_lineno is not None:
            column = node.end_col_offset - len(node.attr.encode())
            self._add(node.end_lineno, column, node.attr, self._new_attribute(meaning, node.attr))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        meaning = self._meaning(node.func)
        if meaning is not None and meaning.name and isinstance(node.func, ast.Name | ast.Attribute):
            for item in node.keywords:
                if item.arg:
                    self._add(item.lineno, item.col_offset, item.arg, self._new_attribute(meaning, item.arg))
        self.generic_visit(node)

    def _is_module(self, name: str) -> bool:
        return name in self.symbols.names or name in self.symbols.packages

    def _add(self, line: int, column: int, old: str, new: str | None) -> None:
        if new != old:
            self.found.add((line, column, old, new))

    def _rename_package(self, line: int, column: int, module: str) -> None:
        for old, new in self.symbols.packages.items():
            if f"{module}.".startswith(f"{old}.") and old != new:
                self.found.add((line, column, old, new))

    def _meaning(self, node: ast.expr) -> Meaning | None:
        """Return what an expression means, or None if that is unknown or something else."""
        if isinstance(node, ast.Name):
            for scope in reversed(self.locals):
                if node.id in scope:
                    return scope[node.id]
            return self.imported.get(node.id) or self.own.get(node.id)
        if isinstance(node, ast.Attribute):
            outer = self._meaning(node.value)
            if outer is not None and not outer.name:
                inside = f"{outer.module}.{node.attr}"
                return Meaning(inside) if self._is_module(inside) else Meaning(outer.module, node.attr)
        return None

    def _annotated(self, node: ast.expr | None) -> Meaning | None:
        """Return the class of a parameter."""
        if isinstance(node, ast.Name) and node.id in self.aliases:
            return self._annotated(self.aliases[node.id])
        if isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant):
            return self._annotated(node.left)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Annotated":
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
            return self._annotated(parts[0]) if parts else None
        return self._meaning(node) if isinstance(node, ast.Name | ast.Attribute) else None

    def _new_name(self, module: str, name: str) -> str | None:
        """Return the new name of what a module defines, or of a package in it."""
        inside = f"{module}.{name}"
        if inside in self.symbols.packages:
            return self.symbols.packages[inside].rpartition(".")[2]
        changes: Changes = self.symbols.names.get(module, {})
        return changes.get(name, name)

    def _new_attribute(self, meaning: Meaning, name: str) -> str | None:
        if not meaning.name:
            return self._new_name(meaning.module, name)
        return self.symbols.members.get((meaning.module, meaning.name), {}).get(name, name)
