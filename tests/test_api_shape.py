"""The changes in docs/api-shape.md work, leave generated tests as they are, and as sharp."""

import re
import sys
from pathlib import Path

from tests.baking import Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import IN_ONE_PROCESS, run_dev, run_in

FAULTS = {
    "rows of other users": ("service.py", ".where(Note.owner_id == scope.user_id)", ""),
    "taken title": ("service.py", "raise NoteTitleTaken from error", "pass"),
    "stale version": ("routes.py", "    check_version(note, if_match)\n", ""),
}


def test_shape_changes_one_file_of_the_tests(bake: Bake) -> None:
    project = bake()
    run_dev(project, "app", "setup")
    tests = project / "tests"
    before = contents(tests)
    failures = {fault: failing_tests(project, fault) for fault in FAULTS}
    blocks = blocks_of("api-shape.md")

    for kind, text in blocks:
        run_block(project, kind, text)

    assert len(blocks) > 30
    assert "id: Mapped[int]" in (project / "app/features/notes/models.py").read_text("utf-8")
    after = contents(tests)
    changed = {name for name, text in before.items() if after[name] != text}
    assert changed == {"features/notes/helpers.py"}
    for fault, expected in failures.items():
        assert expected, fault
        assert failing_tests(project, fault) == expected, fault


def contents(folder: Path) -> dict[str, str]:
    """Return the text of each Python file."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.py")
    }


def failing_tests(project: Path, fault: str) -> set[str]:
    """Put a fault into notes and return which of their generated API tests fail."""
    name, old, new = FAULTS[fault]
    path = project / "app/features/notes" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    command = [sys.executable, "dev.py", "test", "tests/features/notes/test_api.py"]
    printed = run_in(project, command, PYTEST_ADDOPTS="--database=sqlite", **IN_ONE_PROCESS).stdout
    path.write_text(text, encoding="utf-8")
    return set(re.findall(r"^FAILED \S+::(\S+)", printed, re.MULTILINE))
