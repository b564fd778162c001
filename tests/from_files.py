"""Projects whose resources are generated from a file, and edits by hand in them."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.serving import run_dev


def generate_from(project: Path, file: Path) -> list[str]:
    """Generate the resources of a file, and return the folders of their tests."""
    shutil.copy(file, project)
    shipped = {*(project / "tests/features").iterdir()}
    run_dev(project, "app", "setup")
    run_dev(project, "app", "new", "resources", file.name)
    return sorted(map(str, {*(project / "tests/features").iterdir()} - shipped))


def edit(file: Path, edits: Iterable[tuple[str, str]]) -> None:
    """Replace texts that a file has once."""
    text = file.read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
