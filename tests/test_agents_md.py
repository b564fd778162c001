"""AGENTS.md of a generated project: its commands work and its paths and names exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.baking import MINIMAL, PROJECT, Bake
from tests.serving import IN_ONE_PROCESS, environment, run_dev
from tests.test_docs import BLOCK, commands
from tests.test_docs_facts import PATH

PAGE = (PROJECT / "AGENTS.md").read_text(encoding="utf-8")
OPTIONAL = (
    *("app/web", "app/admin", "app/formatting.py", "app/operations"),
    *("app/features/notes", "tests/features/notes"),
)
"""What the page itself says may be missing."""


def test_page_is_short() -> None:
    lines = PAGE.splitlines()

    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


@pytest.mark.parametrize(
    "answers", [pytest.param({}, id="default"), pytest.param(MINIMAL, id="minimal")]
)
def test_commands_work(bake: Bake, answers: dict[str, bool]) -> None:
    project = bake(**answers)
    run_dev(project, "app", "setup")
    [block] = BLOCK.findall(PAGE)
    path = f"{Path(sys.executable).parent}:{environment()['PATH']}"

    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", block],
        cwd=project,
        env={**environment(), **IN_ONE_PROCESS, "PATH": path},
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )

    assert len(commands(block)) > 3
    assert done.returncode == 0, done.stdout + done.stderr


def test_commands_in_sentences_exist(bake: Bake) -> None:
    project = bake(**MINIMAL)
    run_dev(project, "app", "setup")
    spans = re.findall(r"`python3 dev\.py ([^`>]+)", PAGE)

    assert len(spans) > 10
    assert {span.split()[0] for span in spans} == {"run", "test", "check", "app", "lock"}
    for span in {span for span in spans if span.startswith("app ")}:
        assert "Usage:" in run_dev(project, *shlex.split(span), "--help")


def test_paths_are_there_without_the_optional_parts(bake: Bake) -> None:
    project = bake(**MINIMAL)
    paths = {span[1] for span in PATH.finditer(PAGE)}

    assert len(paths) > 10
    missing = {path for path in paths if not list(project.glob(path.rstrip("/")))}
    assert {path for path in missing if not path.startswith(OPTIONAL)} == set()


def test_names_are_those_of_the_project() -> None:
    spans = re.findall(r"`([\w.…()]+)`", PAGE)
    names = {name for span in spans for name in re.findall(r"\b[A-Za-z]\w+", span)}
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("app", "tests")
        for path in (PROJECT / folder).rglob("*")
        if path.suffix in {".py", ".html"}
    )

    assert {"SessionDep", "notes_for", "require_permission"} <= names
    missing = {name for name in names if not re.search(rf"\b{name}\b", code)}
    assert missing <= {"README", "responses"}


def test_methods_are_defined_by_their_class() -> None:
    spans = re.findall(r"`([A-Z][a-z]\w+)\.(\w+)`", PAGE)
    code = [path.read_text(encoding="utf-8") for path in (PROJECT / "app").rglob("*.py")]

    assert ("Mailer", "enqueue") in spans
    for owner, method in spans:
        defined = rf"^class {owner}\b(?:(?!^class ).)*^    (?:async )?def {method}\("
        assert any(re.search(defined, text, re.MULTILINE | re.DOTALL) for text in code)
