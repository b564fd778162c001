"""Copies of a resource, for measuring a project with many."""

import re
from pathlib import Path

from benchmarks.workloads import COPIED

_NAV = re.compile(r"^nav = NavItem\((?:\n(?: .*\n)+\)|.*\))\n", re.MULTILINE)


def add_copies(project: Path, number: int) -> None:
    """Copy the resource COPIED this many times; the copies have no tables.

    Their routes come before those of items and notes. They are not in the navigation, because every
    page shows it.
    """
    features = project / "app" / "features"
    name, word = COPIED[0], COPIED[0].lower()
    source = features / f"{word}s"
    files = [file for file in source.rglob("*") if file.suffix in {".py", ".html"}]
    for copy in range(1, number + 1):
        target = features / f"{word}{copy}s"
        for file in files:
            path = target / str(file.relative_to(source)).replace(word, f"{word}{copy}")
            path.parent.mkdir(parents=True, exist_ok=True)
            text = file.read_text(encoding="utf-8")
            text = text.replace(word, f"{word}{copy}").replace(name, f"{name}{copy}")
            path.write_text(_NAV.sub("", text), encoding="utf-8")
