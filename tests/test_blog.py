"""A blogging API at addresses and in JSON that its clients expect, on generated features."""

import shutil
from pathlib import Path

from tests.baking import TEMPLATE, Bake
from tests.line_counts import lines_of, touched_lines
from tests.serving import run_dev

BLOG = TEMPLATE / "tests" / "blog"
APP, TESTS = "app/features/blog", "tests/features/blog"
USER_FIELDS = ("username:str=40:optional:unique", "bio:text:optional", "image:url:optional")
RESERVED = 'RESERVED_SLUGS = frozenset({"new"})', 'RESERVED_SLUGS = frozenset({"feed", "new"})'
MAX_LINES = 400


def test_blogging_api_needs_at_most_four_hundred_lines_by_hand(
    bake: Bake, type_cache: Path
) -> None:
    project = bake()
    shutil.copy(BLOG / "blog.txt", project)
    shipped = set((project / "tests/features").iterdir())
    run_dev(project, "app", "setup")
    run_dev(project, "app", "new", "resources", "blog.txt")
    run_dev(project, "app", "add", "field", "User", *USER_FIELDS)
    features = set((project / "tests/features").iterdir()) - shipped
    generated = lines_of(project)

    _write_by_hand(project)

    written = lines_of(project)
    changes = {
        name: touched_lines(generated.get(name, []), lines) for name, lines in written.items()
    }
    assert set(generated) <= set(written)
    assert {name for name, lines in changes.items() if lines and name.startswith("tests/")} == set()
    assert 0 < sum(changes.values()) <= MAX_LINES
    _write_tests(project)
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    others = ("accounts/test_user_username.py", "api", "database/test_slugs.py")
    chosen = [TESTS, *map(str, sorted(features)), *(f"tests/{name}" for name in others)]
    run_dev(project, "test", "-n", "2", "--database", "both", *chosen)


def _write_by_hand(project: Path) -> None:
    """Add the feature, and keep articles from having the address of the feed."""
    (project / APP).mkdir()
    for name in ("__init__", "routes", "schemas", "service"):
        shutil.copy(BLOG / f"{name}.py", project / APP)
    slugs = project / "app/database/slugs.py"
    text = slugs.read_text(encoding="utf-8")
    assert text.count(RESERVED[0]) == 1
    slugs.write_text(text.replace(*RESERVED), encoding="utf-8")


def _write_tests(project: Path) -> None:
    (project / TESTS).mkdir()
    shutil.copy(BLOG / "public_routes.txt", project / TESTS)
    shutil.copy(BLOG / "api_tests.py", project / TESTS / "test_api.py")
