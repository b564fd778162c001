"""Static checks of every combination of options, without installing anything."""

import ast
import itertools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.baking import Answer, Bake, tree

LICENSES = ("MIT", "Apache-2.0", "BSD-3-Clause", "proprietary")
OPTIONS = ("pages", "admin", "deploy")
COMBINATIONS = [
    dict(zip(OPTIONS, on, strict=True)) for on in itertools.product((True, False), repeat=3)
]


def _name(answers: dict[str, Answer]) -> str:
    return "+".join(option for option in OPTIONS if answers[option]) or "none"


@pytest.fixture(scope="module", params=COMBINATIONS, ids=_name)
def answers(request: pytest.FixtureRequest) -> dict[str, Answer]:
    """Return each combination of options, with different licenses."""
    options: dict[str, Answer] = request.param
    return {**options, "license": LICENSES[COMBINATIONS.index(request.param) % len(LICENSES)]}


@pytest.fixture(scope="module")
def project(answers: dict[str, Answer], baked: Bake) -> Path:
    """Return the project generated from the answers."""
    return baked(**answers)


def test_no_template_tag_remains(project: Path) -> None:
    tags = re.compile(r"cookiecutter|# \{%|^#\s*$\n^#\s*$", re.MULTILINE)

    found = {name: tags.findall(text) for name, text in _texts(project)}

    assert {name: tags for name, tags in found.items() if tags} == {}


def test_license_is_the_chosen_one(project: Path, answers: dict[str, Answer]) -> None:
    first_lines = {
        "MIT": "MIT License",
        "Apache-2.0": "Apache License",
        "BSD-3-Clause": "BSD 3-Clause License",
        "proprietary": "Copyright (c) The My Project authors. All rights reserved.",
    }

    text = (project / "LICENSE").read_text(encoding="utf-8")

    assert text.strip().splitlines()[0] == first_lines[str(answers["license"])]
    assert not (project / "licenses").exists()


def test_every_file_parses(project: Path) -> None:
    parsers: dict[str, Callable[[str], object]] = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".yml": yaml.safe_load,
        ".yaml": yaml.safe_load,
    }
    for name, text in _texts(project):
        if parse := parsers.get(Path(name).suffix):
            parse(text)


def test_no_directory_is_empty(project: Path) -> None:
    assert [path for path in project.rglob("*") if path.is_dir() and not any(path.iterdir())] == []


@pytest.mark.parametrize(
    "arguments", [["format", "--check"], ["check"]], ids=lambda words: words[0]
)
def test_ruff_finds_nothing(project: Path, arguments: list[str]) -> None:
    ruff = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]

    done = subprocess.run(ruff, cwd=project, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_generation_is_deterministic(project: Path, answers: dict[str, Answer], bake: Bake) -> None:
    assert tree(bake(**answers)) == tree(project)


def test_every_import_resolves(project: Path) -> None:
    imports = {
        target: path.relative_to(project)
        for path in project.rglob("*.py")
        for target in _imports(path)
    }

    assert {target: path for target, path in imports.items() if not _exists(project, target)} == {}


def _texts(project: Path) -> Iterator[tuple[str, str]]:
    for name, content in tree(project).items():
        if b"\0" not in content:
            yield name, content.decode()


def _imports(path: Path) -> Iterator[str]:
    """Yield a file's imports from the project, as app.module or app.module.name."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if _is_ours(name.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in {"app", "tests"}


def _exists(project: Path, target: str) -> bool:
    """Return whether the target is a module or a name defined in its parent module."""
    if _module(project, target):
        return True
    parent, _, name = target.rpartition(".")
    module = _module(project, parent)
    return module is not None and module.is_file() and name in _defined(module)


def _module(project: Path, dotted: str) -> Path | None:
    base = project.joinpath(*dotted.split("."))
    found = (
        path for path in (base.with_suffix(".py"), base / "__init__.py", base) if path.exists()
    )
    return next(found, None)


@cache
def _defined(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_bytes())):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                names.add(name)
            case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                names.update(alias.asname or alias.name.split(".")[0] for alias in imported)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case _:
                pass
    return names
