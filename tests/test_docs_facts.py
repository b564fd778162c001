"""What the documentation says about files, names, settings and options is so.

The rule for code spans in README.md and docs/*.md: `folder/file.py` and `folder/` exist, in the
template, in the project or in a deployment, and `file.py:name` or `file.py:Class.name` is
defined in that file.
"""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.baking import PROJECT, TEMPLATE, Bake
from tests.serving import run_dev
from tests.test_docs import DOCUMENTS

FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?=[^`:]*/|[^`]*\.py:)[\w.{][\w.*{}/-]+)(?::([A-Za-z_][\w.]*))?`")
QUESTIONS: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_and_names_exist(name: str) -> None:
    text = FENCED.sub("", (TEMPLATE / name).read_text(encoding="utf-8"))

    missing = [span[0] for span in PATH.finditer(text) if not _exists(span[1], span[2])]

    assert missing == []


def test_some_paths_and_names_are_found_in_the_documentation() -> None:
    text = (TEMPLATE / "docs" / "request.md").read_text(encoding="utf-8")

    assert ("app/features/notes/service.py", "create_note") in PATH.findall(text)
    assert not _exists("app/features/notes/service.py", "create_nothing")
    assert not _exists("app/nowhere.py", "")


def test_settings_are_those_of_the_project(bake: Bake) -> None:
    printed = run_dev(bake(), "app", "settings", "--example")

    settings = re.findall(r"^# (.+)\n# ([A-Z0-9_]+)=(.*)$", printed, re.MULTILINE)
    rows = [
        [f"`{name}`", f"`{default}`" if default else "", what] for what, name, default in settings
    ]
    assert len(rows) > 10
    assert list(_rows("docs/configuration.md", "variable")) == rows


@pytest.mark.parametrize("name", ["README.md", "docs/options.md"])
def test_questions_are_those_of_the_template(name: str) -> None:
    questions = [question for question in QUESTIONS if not question.startswith("_")]

    rows = {row[0].strip("`"): row for row in _rows(name, "option")}

    assert list(rows) == questions
    assert rows["project_name"][1] == QUESTIONS["project_name"]
    assert rows["license"][1] == QUESTIONS["license"][0]
    for option in set(" or ".join(QUESTIONS["_owned_paths"]).split(" or ")):
        assert rows[option][1] == {True: "yes", False: "no"}[QUESTIONS[option]]
    assert all(f"`{choice}`" in rows["license"][2] for choice in QUESTIONS["license"])


def test_owned_paths_are_those_of_the_template() -> None:
    rows = {
        option.strip("`"): [path.strip("`") for path in paths.split(", ")]
        for option, paths in _rows("docs/options.md", "option", "paths")
    }

    assert rows == QUESTIONS["_owned_paths"]


def test_private_names_of_the_admin_are_those_of_its_test() -> None:
    page = "docs/decisions/0024-the-admin-is-a-library-and-a-layer.md"
    module = ast.parse((PROJECT / "tests" / "admin" / "test_library.py").read_text("utf-8"))
    (table,) = (
        ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.AnnAssign)
        and node.value
        and ast.unparse(node.target) == "PRIVATE_NAMES"
    )

    rows = [*_rows(page, "overridden"), *_rows(page, "used")]

    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(listed) == sorted(name for names in table.values() for name in names)


def test_layers_are_those_of_the_contracts() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {
        contract["name"]: [
            sorted(module.strip("()").removeprefix("admin.") for module in re.split(" [:|] ", line))
            for line in contract["layers"]
        ]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    }
    app, accounts, admin = map(
        contracts.get, ("Layers", "Layers of accounts", "Layers of the admin")
    )

    assert app == _layers(f"{PROJECT.name}/AGENTS.md", 0)
    assert app == _layers("docs/architecture.md", 0)[::-1]
    assert accounts == _layers("docs/architecture.md", 1)[::-1]
    assert admin == _layers("docs/architecture.md", 2)[::-1]


def _layers(name: str, number: int) -> list[list[str]]:
    """List the modules in each row of a table with the heading `layer`, counted from the top."""
    text = (TEMPLATE / name).read_text(encoding="utf-8")
    tables = re.findall(r"^\| layer \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    cells = [line.split("|")[1] for line in tables[number].splitlines()]
    return [
        sorted(
            path.removeprefix("app/").removesuffix(".py").strip("/")
            for path in re.findall("`(.+?)`", cell)
        )
        for cell in cells
    ]


def _rows(name: str, *headings: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table whose first columns have these headings."""
    text = (TEMPLATE / name).read_text(encoding="utf-8")
    first = re.escape(" | ".join(headings))
    table = re.search(rf"^\| {first} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table, f"{name} has no table with the headings {headings}"
    for line in table[1].splitlines():
        yield [cell.strip() for cell in line.strip("|").split("|")]


def _exists(path: str, name: str) -> bool:
    """Return whether a path, of which parts may be `*`, is there and defines the name.

    The books of docs/extending.md have the files that notes have. `app new deployment` writes some.
    """
    path = path.replace("features/books", "features/notes").rstrip("/")
    folders = (TEMPLATE, PROJECT, *PROJECT.glob("scaffold/templates/deployments/*/"))
    found = [
        file for folder in folders for each in (path, f"{path}.j2") for file in folder.glob(each)
    ]
    return bool(found) and (not name or any(name in _defined(file) for file in found))


def _defined(module: Path) -> set[str]:
    """List what a module defines at its top, and in its classes as Class.name."""
    names: set[str] = set()
    todo: list[tuple[str, ast.AST]] = [("", ast.parse(module.read_bytes()))]
    while todo:
        prefix, parent = todo.pop()
        for node in ast.iter_child_nodes(parent):
            match node:
                case ast.ClassDef(name=name):
                    names.add(prefix + name)
                    todo.append((f"{prefix}{name}.", node))
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    names.add(prefix + name)
                case (
                    ast.Assign(targets=[ast.Name(id=name)])
                    | ast.AnnAssign(target=ast.Name(id=name))
                ):
                    names.add(prefix + name)
                case _:
                    pass
    return names
