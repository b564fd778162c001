"""The fuzz of what strangers send, in a generated project with its own packages."""

import importlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import fireup
from tests.baking import PROJECT, TEMPLATE, Bake
from tests.every_field_type import project_with_every_field_type
from tests.serving import environment

FUZZ = TEMPLATE / "tests" / "fuzz"


@pytest.mark.parametrize(("name", "count"), [("tokens", r"1\d"), ("names", r"16\d")])
def test_tokens_are_claims_and_commands_are_code_or_refused(
    bake: Bake, tmp_path: Path, name: str, count: str
) -> None:
    project = bake()
    shutil.copy(FUZZ / f"{name}.py", project / f"test_fuzz_{name}.py")
    python = fireup.install(PROJECT / "requirements-dev.txt")

    done = subprocess.run(
        [python, "-m", "pytest", "--noconftest", "-q", f"test_fuzz_{name}.py"],
        cwd=project,
        env={**environment(), "PYTHONPATH": str(_hypothesis_alone(tmp_path))},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert re.search(rf"\b{count} passed", done.stdout), done.stdout


def test_admin_answers_whatever_it_is_sent(bake: Bake, tmp_path: Path) -> None:
    project, python = project_with_every_field_type(bake)
    unclosed = "-Wignore::ResourceWarning"  # the admin's library leaves files to the collector
    tests = {"admin.py": "test_fuzz.py", "imports.py": "test_fuzz_imports.py"}
    for name, copied in tests.items():
        shutil.copy(FUZZ / name, project / "tests" / "admin" / copied)

    done = subprocess.run(
        [
            python,
            "-m",
            "pytest",
            "-q",
            unclosed,
            *(f"tests/admin/{copied}" for copied in tests.values()),
        ],
        cwd=project,
        env={**environment(), "PYTHONPATH": str(_hypothesis_alone(tmp_path))},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    assert done.returncode == 0, done.stdout[-10_000:]
    assert "16 passed" in done.stdout, done.stdout


def _hypothesis_alone(folder: Path) -> Path:
    """Return a folder with hypothesis: the project does not have it, and gets nothing else."""
    ours = Path(str(importlib.import_module("hypothesis").__file__)).parent.parent
    for pattern in ("hypothesis", "_hypothesis*", "sortedcontainers"):
        for module in ours.glob(pattern):
            (folder / module.name).symlink_to(module)
    return folder
