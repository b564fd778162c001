"""The template's source is code like any other: before rendering it parses and lints."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.baking import PROJECT, TEMPLATE, Bake, git_files, tree

# How many control marks each file has. A file with none needs no entry; more marks, or marks in
# another file, make the project harder to read and to test: an option should own whole files.
CONTROL_MARKS = {
    ".env.example": 2,
    "app/main.py": 16,
    "app/settings/config.py": 4,
    "pyproject.toml": 6,
    "requirements-dev.txt": 4,
    "requirements.txt": 4,
}
# The files that hold an answer, and how often.
VALUE_MARKS = {
    ".cruft.json": 10,
    ".env.example": 2,
    "README.md": 5,
    "app/settings/config.py": 4,
    "licenses/BSD-3-Clause": 1,
    "licenses/MIT": 1,
    "licenses/proprietary": 1,
    "pyproject.toml": 1,
}

CACHES = re.compile(
    r"^my_project/|(^|/)(__pycache__|\.venv|\.hypothesis|\.(mypy|pytest|ruff)_cache|[^/]*\.egg-info)/"
    r"|(^|/)(\.coverage|uv\.lock$)"
)
LARGEST_BYTES = 400_000
# Written so that this file does not hold what it looks for.
NOT_OURS = re.compile(
    rb"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org|[/]work/",
)


def test_every_python_file_parses_before_rendering() -> None:
    for path in _tracked("*.py"):
        ast.parse(path.read_bytes(), filename=str(path))


@pytest.mark.parametrize(
    "arguments", [["format", "--check"], ["check"]], ids=lambda words: words[0]
)
@pytest.mark.parametrize("folder", [TEMPLATE, PROJECT], ids=["template", "project"])
def test_ruff_finds_nothing_before_rendering(folder: Path, arguments: list[str]) -> None:
    ruff = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]

    done = subprocess.run(ruff, cwd=folder, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_control_marks_stay_within_their_budget() -> None:
    marks = _count_marks(r"# \{%")

    assert marks == CONTROL_MARKS
    assert sum(marks.values()) <= 36
    assert len(marks) <= 6


def test_tests_of_the_project_do_not_need_the_example() -> None:
    """Its owner may remove the notes: the tests stand on the feature in tests/sample instead."""
    names = re.compile(
        r"features[./]notes\b|/api/v1/notes\b|[\"']/notes\b|/note/|\bNote(View|Update)?\("
    )
    tests = PROJECT / "tests"
    found = {
        path.relative_to(tests).as_posix()
        for path in tests.rglob("*.py")
        if names.search(path.read_text(encoding="utf-8"))
    }

    assert [path for path in found if not path.startswith("features/notes/")] == []


def test_control_marks_are_lines_of_their_own() -> None:
    mark = re.compile(r" *# \{%- (if cookiecutter\.\w+( (or|and) cookiecutter\.\w+)*|endif) \+%\}")
    lines = [
        line
        for name in CONTROL_MARKS
        for line in (PROJECT / name).read_text().splitlines()
        if "{%" in line and not mark.fullmatch(line)
    ]

    assert lines == []


def test_answers_stand_in_few_files() -> None:
    assert _count_marks(r"\{\{ cookiecutter\.") == VALUE_MARKS


def test_every_other_file_is_generated_byte_for_byte(template: Path, bake: Bake) -> None:
    source = tree(template / PROJECT.name)

    project = tree(bake())

    project.pop("LICENSE")
    rendered = {name for name in (*CONTROL_MARKS, *VALUE_MARKS) if name in project}
    assert {name for name in project if project[name] != source[name]} == rendered


def test_no_file_is_large() -> None:
    large = [str(path) for path in _tracked() if path.stat().st_size > LARGEST_BYTES]

    assert large == []


def test_no_file_names_a_package_registry_or_a_folder_of_one_machine() -> None:
    found = {str(path): NOT_OURS.findall(path.read_bytes()) for path in _tracked()}

    assert {path: names for path, names in found.items() if names} == {}


def test_gitignore_swallows_nothing_but_caches() -> None:
    ignored = git_files("--others", "--ignored", "--exclude-standard")

    assert [name for name in ignored if not CACHES.search(name)] == []


def test_no_text_file_has_windows_line_ends() -> None:
    attributes = ["git", "-C", str(TEMPLATE), "ls-files", "--eol"]
    listed = subprocess.run(attributes, check=True, capture_output=True, text=True).stdout

    assert [line for line in listed.splitlines() if re.match(r"i/(crlf|mixed)", line)] == []


def _tracked(pattern: str = "*") -> list[Path]:
    paths = (TEMPLATE / name for name in git_files("--cached", "--others", "--exclude-standard"))
    return [path for path in paths if path.match(pattern) and path.is_file()]


def _count_marks(pattern: str) -> dict[str, int]:
    counts = {
        path.relative_to(PROJECT).as_posix(): len(re.findall(pattern.encode(), path.read_bytes()))
        for path in _tracked()
        if path.is_relative_to(PROJECT)
    }
    return {name: count for name, count in counts.items() if count}
