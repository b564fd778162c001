"""Insert lines into Python files that were written by hand, at places found by parsing."""

import ast
from collections.abc import Iterable

from scaffold.errors import ScaffoldError


class Module:
    """A Python file, and the lines to insert."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.tree = ast.parse(text, path)
        self._lines = text.splitlines()
        self._inserted: list[tuple[int, str]] = []

    def names(self) -> set[str]:
        """Return the names that the module defines or imports."""
        found: set[str] = set()
        for node in self.tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                found |= {item.asname or item.name for item in node.names}
            elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Assign):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        return found

    def class_(self, name: str) -> ast.ClassDef:
        """Return a class.

        Raises:
            ScaffoldError: if there is none with this name.
        """
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return node
        raise self.missing(f"class {name}")

    def missing(self, what: str) -> ScaffoldError:
        """Return the error for a place that doesn't exist."""
        return ScaffoldError([f"{self.path} has no {what} to add this to: add the field by hand"])

    def source(self, node: ast.AST) -> str:
        """Return the code of a node."""
        return ast.get_source_segment("\n".join(self._lines), node) or ""

    def insert(self, line: int, text: str) -> None:
        """Insert lines after this one, counted from 1."""
        if text:
            self._inserted.append((line, text))

    def extend(self, node: ast.Tuple, elements: list[str]) -> None:
        """Add elements to a tuple in parentheses."""
        row, column = (node.end_lineno or 1) - 1, (node.end_col_offset or 1) - 1
        line = self._lines[row].encode()
        head, tail = line[:column].decode().rstrip().removesuffix(","), line[column:].decode()
        added = f"{', '.join(elements)},{tail}"
        self._lines[row] = f"{head}, {added}" if head.strip() else f"{head}{added}"

    def insert_imports(self, code: str, module: "Module", moved: tuple[str, str]) -> None:
        """Import the names in `code` from where another module imports them, with a package that is called another."""
        used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
        lines = []
        for node in module.tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [item for item in node.names if (item.asname or item.name) in used]
                lines += [ast.unparse(_with_names(node, names))] * bool(names)
        imports = [node for node in self.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        last = imports[-1].end_lineno if imports else 1
        self.insert(last or 1, "\n".join(lines).replace(*moved))

    def text(self) -> str:
        """Return the file with the inserted lines."""
        lines = [*self._lines]
        for line, text in sorted(self._inserted, key=lambda item: item[0], reverse=True):
            lines[line:line] = text.splitlines()
        return "\n".join(lines) + "\n"


def _with_names(node: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> ast.Import | ast.ImportFrom:
    if isinstance(node, ast.ImportFrom):
        return ast.ImportFrom(node.module, names, node.level)
    return ast.Import(names)


def attributes_of(node: ast.ClassDef) -> dict[str, ast.AnnAssign]:
    """Return the annotated attributes of a class, by name."""
    found = (item for item in node.body if isinstance(item, ast.AnnAssign))
    return {item.target.id: item for item in found if isinstance(item.target, ast.Name)}


def assigned_in(node: ast.ClassDef, name: str) -> ast.Tuple | None:
    """Return the tuple that a class assigns to a name, or None."""
    for item in node.body:
        if (
            isinstance(item, ast.Assign)
            and isinstance(item.value, ast.Tuple)
            and name in map(ast.unparse, item.targets)
        ):
            return item.value
    return None


def end_of(node: ast.ClassDef, attributes: Iterable[ast.AnnAssign]) -> int:
    """Return the last line of these attributes, with the docstring of the last one."""
    last = max(attributes, key=lambda item: item.lineno)
    after = node.body[node.body.index(last) + 1 :]
    documented = after and isinstance(after[0], ast.Expr) and isinstance(after[0].value, ast.Constant)
    return (after[0] if documented else last).end_lineno or last.lineno
