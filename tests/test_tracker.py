"""The issue tracker of docs/tracker.md works, with few lines written by hand."""

from difflib import SequenceMatcher
from pathlib import Path

from tests.baking import Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import run_dev

MEMBERSHIP_TESTS = "tests/features/projects/test_membership.py"


def test_tracker_needs_at_most_forty_lines_by_hand(bake: Bake, type_cache: Path) -> None:
    project = bake()
    run_dev(project, "app", "setup")
    (first, *later) = blocks_of("tracker.md")
    run_block(project, *first)
    generated = _lines(project)

    for kind, text in later:
        run_block(project, kind, text)

    written = _lines(project)
    changes = {name: _changed(generated.get(name, []), written[name]) for name in written}
    assert set(written) - set(generated) == {MEMBERSHIP_TESTS}
    assert changes.pop(MEMBERSHIP_TESTS) <= 100
    assert sum(lines for name, lines in changes.items() if name.startswith("app/")) == 9
    assert sum(changes.values()) <= 40
    features = sorted({name.split("/")[2] for name, lines in changes.items() if lines})
    assert features == ["comments", "issues", "projects"]
    tests = [f"tests/features/{feature}" for feature in [*features, "labels"]]
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    run_dev(project, "test", "-n", "2", "--database", "postgresql", *tests)


def _lines(project: Path) -> dict[str, list[str]]:
    """Return the lines of each module, template and migration."""
    folders = (project / name for name in ("app", "migrations", "tests"))
    paths = [path for folder in folders for path in folder.rglob("*.*") if path.suffix != ".pyc"]
    return {
        path.relative_to(project).as_posix(): path.read_text(encoding="utf-8").splitlines()
        for path in paths
        if path.suffix in {".py", ".html", ".txt"}
    }


def _changed(before: list[str], after: list[str]) -> int:
    """Count the lines that were added or changed; removed ones are not written."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return sum(
        new_end - new for kind, _, _, new, new_end in matcher.get_opcodes() if kind != "equal"
    )
