"""The issue tracker of docs/tracker.md works, with few lines written by hand."""

from pathlib import Path

from tests.baking import Bake
from tests.doc_blocks import blocks_of, run_block
from tests.line_counts import added_lines, lines_of
from tests.serving import run_dev

MEMBERSHIP_TESTS = "tests/features/projects/test_membership.py"


def test_tracker_needs_three_lines_by_hand(bake: Bake, type_cache: Path) -> None:
    project = bake()
    run_dev(project, "app", "setup")
    (first, *later) = blocks_of("tracker.md")
    run_block(project, *first)
    generated = lines_of(project)

    for kind, text in later:
        run_block(project, kind, text)

    written = lines_of(project)
    changes = {name: added_lines(generated.get(name, []), written[name]) for name in written}
    assert set(written) - set(generated) == {MEMBERSHIP_TESTS}
    assert changes.pop(MEMBERSHIP_TESTS) <= 100
    assert sum(lines for name, lines in changes.items() if name.startswith("app/")) == 3
    assert sum(changes.values()) == 3
    tests = [f"tests/features/{name}" for name in ("projects", "issues", "comments", "labels")]
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    run_dev(project, "test", "--database", "postgresql", *tests)
