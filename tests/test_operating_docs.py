"""The blocks of docs/migrations.md and docs/scaling.md work in a new project."""

from pathlib import Path

from tests.baking import Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import run_dev


def test_documented_migrations_and_replica_routes_pass_the_tests(
    bake: Bake, type_cache: Path
) -> None:
    project = bake()
    run_dev(project, "app", "setup")

    for kind, text in [
        *blocks_of("migrations.md", "Fill a column in batches"),
        *blocks_of("scaling.md", "Read replicas"),
    ]:
        run_block(project, kind, text)
    run_dev(project, "app", "db", "lint")

    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    run_dev(project, "test", "--database", "both", "tests/features/notes")
