"""Write the migration between two versions of the models."""

import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from alembic.operations import ops
from sqlalchemy import Table
from sqlalchemy.exc import SAWarning

from app import features
from app.database.base import Base
from app.database.revisions import CONTRACT_FOLDER
from scaffold.expansion import expanded
from scaffold.migration import importing, mark_incompatible, render, write_revision
from scaffold.staging import StagingArea
from scaffold.table_changes import Renames, Step, steps_between

INCOMPATIBLE = 'The previous release can\'t run on the new schema: while both run, it reports "not ready".'
CONTRACT = "When no release runs that still uses what it drops, `app db contract` adds it to the migrations."
_FEATURES = f"{features.__name__}."
LOSSY = " Downgrading\nrestores columns without their values."


def write_changes(stage: StagingArea, message: str, renames: Renames, *, safe: bool, expand: bool = False) -> None:
    """Write the migration between the models of the project and the staged ones, if it needs one.

    If it isn't `safe`, the previous release can't run on the new schema. To `expand` writes an expand step and a
    contract step instead, or only the latter.
    """
    before = _tables_of(stage.root, stage)
    after = _tables_of(stage.folder, stage)
    steps = steps_between(before, after, renames)
    back = steps_between(after, before, renames.reversed())
    if expand:
        plain = _code(steps), _code(back)
        for part, up, down in expanded(before, after, renames, plain, _code):
            path = write_revision(stage, f"{message} ({part})", up, down)
            if part == "contract":
                _set_aside(path, [*_dropped(before, after)])
    elif steps:
        narrows = any(isinstance(step, str) and "raise " in step for step in steps)
        path = write_revision(stage, message, _code(steps), _code(back))
        if narrows or not safe:
            drops = ".drop_column(" in path.read_text(encoding="utf-8").partition("def downgrade")[0]
            _explain(path, INCOMPATIBLE + LOSSY * drops)
            mark_incompatible(path)


def _code(steps: Sequence[Step]) -> str:
    """Render the steps as the body of a function."""
    blocks: list[str] = []
    for is_code, group in groupby(steps, lambda step: isinstance(step, str)):
        if is_code:
            blocks += map(str, group)
        else:
            blocks.append(render(ops.UpgradeOps([step for step in group if not isinstance(step, str)])))
    return "\n".join(blocks)


def _explain(path: Path, note: str) -> None:
    """Replace the advice in the docstring of a migration."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub("^If the previous release .*", note, text, flags=re.MULTILINE), encoding="utf-8")


def _dropped(before: dict[str, Table], after: dict[str, Table]) -> Iterator[str]:
    """Return the tables and columns that are only in `before`."""
    for name, table in before.items():
        if name not in after:
            yield name
        else:
            yield from (f"{name}.{column.name}" for column in table.c if column.name not in after[name].c)


def _set_aside(path: Path, drops: list[str]) -> None:
    """Move a contract step to the folder where it waits."""
    _explain(path, CONTRACT)
    mark_incompatible(path, f"drops = {drops!r}\n")
    folder = path.parents[1] / CONTRACT_FOLDER
    folder.mkdir(exist_ok=True)
    path.rename(folder / path.name)


def _tables_of(root: Path, stage: StagingArea) -> dict[str, Table]:
    """Return the tables of the features in a folder, and forget them again: another version follows."""
    shipped = set(Base.metadata.tables)
    twice = warnings.catch_warnings(action="ignore", category=SAWarning)  # of classes that are imported twice
    with twice, importing(stage, [str(root / "app" / "features")]):
        # A feature may be the first to import other models, such as those of files.
        mappers = [item for item in Base.registry.mappers if not item.class_.__module__.startswith(_FEATURES)]
        shipped |= {table.name for item in mappers for table in item.tables}
        tables = {table.name: table for table in Base.metadata.sorted_tables if table.name not in shipped}
        for key in [key for table in tables.values() for key in table.foreign_keys]:
            _ = key.column  # resolved while the other table is known
    for table in tables.values():
        Base.metadata.remove(table)
    for name in [name for name in sys.modules if name.startswith(_FEATURES)]:
        del sys.modules[name]
    return tables
