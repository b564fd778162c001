"""Well-known database schemas, whole, are generated from one file, and pass their own tests.

The largest one on both databases, in one run: they share what takes longest, importing the app and
what doesn't depend on the database.
"""

from pathlib import Path

import pytest

from tests.baking import TEMPLATE, Bake
from tests.from_files import generate_from
from tests.serving import run_dev

SCHEMAS = TEMPLATE / "tests" / "schemas"


@pytest.mark.parametrize(
    ("name", "tables", "database"),
    [("chinook", 10, "sqlite"), ("northwind", 12, "postgresql"), ("sakila", 14, "both")],
)
def test_schema_passes_its_own_tests(
    bake: Bake, type_cache: Path, name: str, tables: int, database: str
) -> None:
    project = bake()

    generated = generate_from(project, SCHEMAS / f"{name}.txt")

    assert len(generated) == tables
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    chosen = [*generated, "tests/database/test_migrations.py"]
    run_dev(project, "test", "--database", database, *chosen)
    printed = run_dev(project, "app", "features", "--schema")
    (project / "printed.txt").write_text(printed, encoding="utf-8")
    assert "nothing to do" in run_dev(project, "app", "new", "resources", "printed.txt")
