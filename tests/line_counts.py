"""How many lines of a generated project were written by hand."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

Lines = dict[str, list[str]]
"""The lines of files, by their paths."""


def lines_of(project: Path) -> Lines:
    """Return the lines of each module, template and migration."""
    folders = (project / name for name in ("app", "migrations", "tests"))
    paths = [path for folder in folders for path in folder.rglob("*.*") if path.suffix != ".pyc"]
    return {
        path.relative_to(project).as_posix(): path.read_text(encoding="utf-8").splitlines()
        for path in paths
        if path.suffix in {".py", ".html", ".txt"}
    }


def added_lines(before: list[str], after: list[str]) -> int:
    """Count the lines that were added or changed; removed ones are not written."""
    return sum(new for _, new in _changes(before, after))


def touched_lines(before: list[str], after: list[str]) -> int:
    """Count the lines that were added, changed or removed."""
    return sum(max(old, new) for old, new in _changes(before, after))


def _changes(before: list[str], after: list[str]) -> Iterator[tuple[int, int]]:
    """Yield how many lines each change replaces, and by how many."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, old, old_end, new, new_end in matcher.get_opcodes():
        if kind != "equal":
            yield old_end - old, new_end - new
