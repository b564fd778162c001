r"""Render templates.

The delimiters clash with neither Python, HTML nor the Jinja of web pages: `<<name>>` is an expression, a line that
starts with `%%` is a statement, `<% if x %>` is a statement inside a line, `<# … #>` is a comment.

`scaffold/templates/resource/app/models.py.j2` becomes `app/features/books/models.py`. Files whose names start with `_`
are only included by others.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from io import StringIO
from itertools import pairwise
from pathlib import Path
from tokenize import generate_tokens
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined

from scaffold.names import NAME_MARK, camel
from scaffold.resource import Resource

TEMPLATES = Path(__file__).parent / "templates"


def render_resource(resource: Resource) -> dict[str, str]:
    """Render a resource: path in the project → content."""
    return render("resource", _targets_of(resource), {"r": resource})


def render(folder: str, targets: dict[str, str], values: dict[str, Any]) -> dict[str, str]:
    """Render the templates of a folder. `targets` maps each to its path in the project."""
    environment = _environment()
    files: dict[str, str] = {}
    for template, target in targets.items():
        text = environment.get_template(f"{folder}/{template}").render(values)
        text = _aliased(text) if NAME_MARK in text and target.endswith(".py") else text
        files[target] = text.replace(NAME_MARK, "")
    return files


@cache
def _environment() -> Environment:
    return Environment(  # noqa: S701 - renders source code, not web pages
        loader=FileSystemLoader(TEMPLATES),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        line_statement_prefix="%%",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        bytecode_cache=FileSystemBytecodeCache(),  # in the temporary directory; saves half a second
    )


def _targets_of(resource: Resource) -> dict[str, str]:
    """Map each template that a resource uses to its path in the project."""
    feature, tests = f"app/features/{resource.plural}", f"tests/features/{resource.plural}"
    folders = {"app/templates": f"{feature}/templates/{resource.plural}", "app": feature, "tests": tests}
    targets: dict[str, str] = {}
    for path in sorted((TEMPLATES / "resource").rglob("*.j2")):
        template = path.relative_to(TEMPLATES / "resource")
        name = template.name.removesuffix(".j2")
        if _is_used(resource, name) and (not name.startswith("_") or name == "__init__.py"):
            targets[template.as_posix()] = f"{folders[template.parent.as_posix()]}/{name}"
    return targets


def _is_used(resource: Resource, name: str) -> bool:
    if name in {"rows.html", "section.html"}:
        return resource.pages and resource.under is not None
    if name in {"pages.py", "test_pages.py"} or name.endswith(".html"):
        return resource.pages
    if name in {"admin.py", "test_admin.py"}:
        return resource.admin
    conditions = {
        "live.py": resource.live,
        "permissions.py": resource.access.write == "editors",
        "public_routes.txt": resource.access.public,
        "test_live.py": resource.live,
    }
    if name in conditions:
        return conditions[name]
    # Under a row that may not exist, the answer is 404 without the permission, too.
    is_restricted = resource.access.admin_only or (resource.access.restricted and not resource.under)
    return name != "restricted_routes.txt" or is_restricted


def _aliased(code: str) -> str:
    """Alias imports that have the name of a class or function of the resource: `Page as PaginationPage`.

    Raises:
        SyntaxError: if a template does not render to valid Python.
    """
    tree, lines = ast.parse(code), code.splitlines(keepends=True)
    marked = set(re.findall(rf"\w*{NAME_MARK}\w*", code))
    own = Counter(name.replace(NAME_MARK, "") for name in marked)
    # A resource TodoList is marked, too, next to the schema TodoList of a resource Todo.
    taken = {*own, *(name for name in marked if name.endswith(NAME_MARK) and own[name.replace(NAME_MARK, "")] > 1)}
    imports = [node for node in _statements(tree) if isinstance(node, ast.ImportFrom)]
    found = [(item.name, node.module or "") for node in imports for item in node.names if item.name in taken]
    aliases = {name: _alias(name.replace(NAME_MARK, ""), module.rpartition(".")[2]) for name, module in found}
    # Offsets in the tree count bytes, and a mark has two.
    imported = {item.lineno for node in imports for item in node.names}
    tokens = list(generate_tokens(StringIO(code).readline)) if aliases else []
    for before, token in reversed([*pairwise(tokens)]):
        if token.string in aliases and before.string != ".":
            (row, start), (_, end) = token.start, token.end
            alias = aliases[token.string]
            new = f"{token.string} as {alias}" if row in imported else alias
            lines[row - 1] = lines[row - 1][:start] + new + lines[row - 1][end:]
    return "".join(lines)


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements in a node, without walking expressions, which are most of a tree."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
            yield from _statements(child)


def _alias(name: str, module: str) -> str:
    if name.islower():
        return f"{module}_{name}"
    return f"{module}_{name}".upper() if name.isupper() else f"{camel(module)}{name}"
