"""Write the migration between two versions of the models."""

import importlib
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

from alembic.autogenerate import render_python_code
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import Table
from sqlalchemy.exc import SAWarning

from app import features
from app.database.base import Base
from scaffold.migration import copy_migrations, import_models, plain, render_item
from scaffold.staging import StagingArea
from scaffold.table_changes import Renames, Step, steps_between

# ruff removes those that are unused.
IMPORTS = "from alembic.util import CommandError\nfrom sqlalchemy.dialects import postgresql\n"
INCOMPATIBLE = 'The previous release can\'t run on the new schema: while both run, it reports "not ready".'
LOSSY = " Downgrading\nrestores columns without their values."


def write_changes(stage: StagingArea, message: str, renames: Renames, *, safe: bool) -> None:
    """Write the migration between the models of the project and the staged ones, if it needs one.

    If it isn't `safe`, the previous release can't run on the new schema.
    """
    before = _tables_of(stage.root, stage)
    after = _tables_of(stage.folder, stage)
    steps = steps_between(before, after, renames)
    if steps:
        back = steps_between(after, before, renames.reversed())
        narrows = any(isinstance(step, str) and "raise " in step for step in steps)
        _write(stage, message, steps, back, safe=safe and not narrows)


def _write(stage: StagingArea, message: str, up: Sequence[Step], down: Sequence[Step], *, safe: bool) -> None:
    scripts = copy_migrations(stage)
    script = scripts.generate_revision(
        uuid4().hex[:12],
        message,
        head=scripts.get_current_head() or "base",
        imports=IMPORTS,
        upgrades=_code(up),
        downgrades=_code(down),
    )
    if not safe and isinstance(script, Script):
        _mark_incompatible(Path(script.path))


def _code(steps: Sequence[Step]) -> str:
    """Render the steps as the body of a function."""
    context = MigrationContext.configure(dialect_name="postgresql", opts={"target_metadata": Base.metadata})
    blocks: list[str] = []
    for is_code, group in groupby(steps, lambda step: isinstance(step, str)):
        if is_code:
            blocks += map(str, group)
            continue
        part = ops.UpgradeOps([step for step in group if not isinstance(step, str)])
        text = render_python_code(part, render_as_batch=True, render_item=render_item, migration_context=context)
        blocks.append(plain(dedent(text)))
    return "\n".join(blocks).replace("\n", "\n    ")


def _mark_incompatible(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    note = INCOMPATIBLE + (LOSSY if ".drop_column(" in text.partition("def downgrade")[0] else "")
    text = re.sub("^If the previous release .*", note, text, flags=re.MULTILINE)
    path.write_text(text.replace("depends_on = None\n", "depends_on = None\nincompatible = True\n"), encoding="utf-8")


def _tables_of(root: Path, stage: StagingArea) -> dict[str, Table]:
    """Return the tables of the features in a folder, and forget them again: another version follows."""
    shipped = set(Base.metadata.tables)
    with _importing(stage, [str(root / "app" / "features")]):
        tables = {table.name: table for table in Base.metadata.sorted_tables if table.name not in shipped}
        for key in [key for table in tables.values() for key in table.foreign_keys]:
            _ = key.column  # resolved while the other table is known
    for table in tables.values():
        Base.metadata.remove(table)
    for name in [name for name in sys.modules if name.startswith(f"{features.__name__}.")]:
        del sys.modules[name]
    return tables


@contextmanager
def _importing(stage: StagingArea, folders: list[str]) -> Iterator[None]:
    """Import the models of the features in these folders."""
    before, features.__path__[:] = list(features.__path__), folders
    importlib.invalidate_caches()
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with warnings.catch_warnings(action="ignore", category=SAWarning):  # of classes that are imported twice
            import_models(stage)
        yield
    finally:
        sys.dont_write_bytecode = written
        features.__path__[:] = before
