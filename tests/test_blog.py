"""A blogging API at addresses and in JSON that its clients expect, on generated features."""

import shutil
from pathlib import Path

from tests.baking import TEMPLATE, Bake
from tests.from_files import edit, generate_from
from tests.line_counts import lines_of, touched_lines
from tests.serving import run_dev

BLOG = TEMPLATE / "tests" / "blog"
APP, TESTS = "app/features/blog", "tests/features/blog"
USER_FIELDS = ("username:str=40:optional:unique", "bio:text:optional", "image:url:optional")
RESERVED = (
    'RESERVED_SLUGS = frozenset({"live", "new"})',
    'RESERVED_SLUGS = frozenset({"feed", "live", "new"})',
)
MAX_LINES = 400


def test_blogging_api_needs_at_most_four_hundred_lines_by_hand(
    bake: Bake, type_cache: Path
) -> None:
    project = bake()
    features = generate_from(project, BLOG / "blog.txt")
    run_dev(project, "app", "add", "field", "User", *USER_FIELDS)
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
    chosen = [TESTS, *features, *(f"tests/{name}" for name in others)]
    run_dev(project, "test", "--database", "both", *chosen)


def _write_by_hand(project: Path) -> None:
    """Add the feature, and keep articles from having the address of the feed."""
    (project / APP).mkdir()
    for name in ("__init__", "routes", "schemas", "service"):
        shutil.copy(BLOG / f"{name}.py", project / APP)
    edit(project / "app/database/slugs.py", [RESERVED])


def _write_tests(project: Path) -> None:
    (project / TESTS).mkdir()
    shutil.copy(BLOG / "public_routes.txt", project / TESTS)
    shutil.copy(BLOG / "api_tests.py", project / TESTS / "test_api.py")
