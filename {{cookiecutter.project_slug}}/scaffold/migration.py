"""Generate migrations from models without a database.

They are rendered for PostgreSQL, whose types also work on SQLite; the reverse is not true.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from textwrap import dedent, indent
from typing import Any, Literal
from uuid import uuid4

from alembic.autogenerate import render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Table, UniqueConstraint
from sqlalchemy.sql.elements import False_, True_

from app import features
from app.accounts import models
from app.database.base import Base, check_name
from scaffold.backfill import with_filled_slugs
from scaffold.errors import ScaffoldError
from scaffold.field import Field
from scaffold.migration_lint import findings_of
from scaffold.migration_rules import INCOMPATIBLE
from scaffold.names import words
from scaffold.resource import Resource
from scaffold.staging import StagingArea
from scaffold.table_changes import creating

__all__ = ["models"]  # imported for its tables

_IMPORTS = """from alembic.util import CommandError
from sqlalchemy.dialects import postgresql
from app.accounts.permissions import rename_permission
from app.database.slugs import fill_slugs
"""  # ruff removes those that are not used

_USER_FIELDS = "added_user_fields"

MAX_NAMES_LENGTH = 60  # the message is the first line of a file


def write_all(stage: StagingArea, new: Sequence[Resource], added: Sequence[tuple[Resource, Resource]] = ()) -> None:
    """Write a migration for each staged resource, and one for each to which fields are added: before, after."""
    complete = {before.name: after for before, after in added}
    with _imported(stage, *(resource.plural for resource in new), *(after.plural for _, after in added)):
        for resource in new:
            _write_tables(stage, resource, complete.get(resource.name))
        for before, after in added:
            _write_fields(stage, before, after)


def _write_tables(stage: StagingArea, resource: Resource, complete: Resource | None) -> None:
    """Write the migration that creates the tables of a resource, without what `complete` has in addition."""
    table = Base.metadata.tables[resource.plural]
    later = _altering(table, resource, complete) if complete else []
    steps = [step for name in resource.tables for step in creating(Base.metadata.tables[name], later)]
    _write(stage, f"Create the table of {resource.plural_words}", steps)


def _write_fields(stage: StagingArea, before: Resource, resource: Resource) -> None:
    """Write the migration that adds fields and constraints to a resource."""
    fields = resource.fields[len(before.fields) :]
    table = Base.metadata.tables[resource.plural]
    added = _altering(table, before, resource)
    steps: list[ops.MigrateOperation] = [ops.ModifyTableOps(table.name, added)] if added else []
    tables = [step for name in resource.tables_of(fields) for step in creating(Base.metadata.tables[name])]
    slugs = [item for item in fields if item.source]
    filling = with_filled_slugs(table, added, resource, slugs) if slugs else steps
    what = listed(fields, f"{len(fields)} fields") or "constraints"
    _write(stage, f"Add {what} to {resource.plural_words}", steps + tables, [*filling, *tables])


def write_user_fields(stage: StagingArea, models_code: str, resource: Resource) -> None:
    """Write the migration that adds fields to users. The code defines them in the model `User` of a feature."""
    # In a table with another name, because the table of users is already defined.
    code = models_code.replace("class User(", "class UserFields(").replace('"users"', f'"{_USER_FIELDS}"')
    names = [f"app/features/{_USER_FIELDS}/{module}.py" for module in ("__init__", "models")]
    stage.write(dict(zip(names, ("", code), strict=True)))
    stage.copied |= {*names}
    with _imported(stage, _USER_FIELDS):
        table = Base.metadata.tables[_USER_FIELDS]
        added = _altering(table, replace(resource, fields=()), resource)
        steps = [step for step in added if not isinstance(step, ops.CreateIndexOp)]
        what = listed(resource.fields, f"{len(resource.fields)} fields")
        path = _write(stage, f"Add {what} to users", [ops.ModifyTableOps(table.name, steps)])
    path.write_text(path.read_text(encoding="utf-8").replace(_USER_FIELDS, "users"), encoding="utf-8")


def listed(fields: Sequence[Field], otherwise: str) -> str:
    """Return the names of fields for the message of a migration, or another text if they are too long."""
    names = " and ".join(item.words for item in fields)
    return names if len(names) <= MAX_NAMES_LENGTH else otherwise


def write_drop(stage: StagingArea, package: str) -> None:
    """Write the migration that drops the tables of a feature."""
    with _imported(stage, package):
        tables = [table for table in Base.metadata.sorted_tables if _belongs(table, package)]
        steps = ops.UpgradeOps([step for table in tables for step in creating(table)])
        _write(
            stage, f"Drop the table of {words(package)}", steps.reverse().ops
        )  # the downgrade recreates the indexes, too


def _belongs(table: Table, package: str) -> bool:
    """Return whether this is a table of the feature, or an association table of it."""
    if table.name == package:
        return True
    keys = {key.column.table.name for column in table.columns for key in column.foreign_keys}
    return package in keys and table.name.startswith(f"{package}_") and all(c.primary_key for c in table.columns)


def _altering(table: Table, before: Resource, resource: Resource) -> list[ops.MigrateOperation]:
    """Return the operations that add the new columns and constraints to a table."""
    columns = [item.column for item in resource.fields[len(before.fields) :] if item.type != "many"]
    added = [step for name in columns for step in _adding(table, name)]
    return added + _constraining(table, before, resource)


def _adding(table: Table, name: str) -> list[ops.MigrateOperation]:
    """Return the operations that add a column with its indexes and foreign keys."""
    column = table.c[name]
    added: list[ops.MigrateOperation] = [ops.AddColumnOp.from_column(column)]
    indexes = sorted((index for index in table.indexes if name in index.columns), key=lambda index: str(index.name))
    added += [ops.CreateIndexOp.from_index(index) for index in indexes]
    for constraint in sorted(table.constraints, key=lambda found: str(found.name)):
        if isinstance(constraint, ForeignKeyConstraint) and name in constraint.columns:
            added.append(ops.CreateForeignKeyOp.from_constraint(constraint))
    return added


def _constraining(table: Table, before: Resource, resource: Resource) -> list[ops.MigrateOperation]:
    """Return the operations that add the new constraints, after the columns that they name."""
    new = [item for item in resource.uniques if item.name not in {old.name for old in before.uniques}]
    uniques = [{*item.columns, *resource.scope_of(item)} for item in new]
    checks = {item.name for item in resource.comparisons} - {item.name for item in before.comparisons}
    checks |= {item.range_name for item in resource.limited_fields if item not in before.fields}
    named = {check_name(table.name, name) for name in checks}
    added: list[ops.MigrateOperation] = []
    for constraint in sorted(table.constraints, key=lambda found: str(found.name)):
        if isinstance(constraint, UniqueConstraint) and {*constraint.columns.keys()} in uniques:
            added.append(ops.CreateUniqueConstraintOp.from_constraint(constraint))
        if isinstance(constraint, CheckConstraint) and constraint.name in named:
            added.append(ops.CreateCheckConstraintOp.from_constraint(constraint))
    return added


def _write(
    stage: StagingArea,
    message: str,
    steps: list[ops.MigrateOperation],
    filling: list[ops.MigrateOperation] | None = None,
) -> Path:
    """Write a migration, and return its path.

    `filling` are the steps if they differ from those that the downgrade reverses.
    """
    up = render(ops.UpgradeOps(filling or steps))
    path = write_revision(stage, message, up, render(ops.UpgradeOps(steps).reverse()))
    if "fill_slugs(" in up:
        mark_incompatible(path)
    return path


def render(part: ops.UpgradeOps | ops.DowngradeOps) -> str:
    """Return operations as Python code, without Alembic's comments."""
    context = MigrationContext.configure(dialect_name="postgresql", opts={"target_metadata": Base.metadata})
    code = render_python_code(part, render_as_batch=True, render_item=_render_item, migration_context=context)
    lines = [line for line in dedent(f"    {code}").splitlines() if not line.strip().startswith("# ###")]
    code = "\n".join(lines).strip()
    return code.replace(", schema=None", "").replace(", use_alter=True", "")  # the steps are in order


def write_revision(stage: StagingArea, message: str, up: str, down: str) -> Path:
    """Write a migration with this code to the staging area, and return its path. It says what it blocks."""
    scripts = _copy_migrations(stage)
    script = scripts.generate_revision(
        uuid4().hex[:12],
        message,
        head=scripts.get_current_head() or "base",
        imports=_IMPORTS,
        upgrades=indent(up, "    ").strip(),
        downgrades=indent(down, "    ").strip(),
    )
    assert isinstance(script, Script)  # noqa: S101 - None only if another process removes it
    path = Path(script.path)
    for finding in findings_of(path, vars(script.module)):
        mark(path, finding.effect.marker, finding.effect.problem)
    return path


def mark(path: Path, marker: str, why: str = "", more: str = "") -> None:
    """Set a variable of a migration that says what it does, unless it is set. `more` are further lines."""
    text = path.read_text(encoding="utf-8")
    line = "" if f"\n{marker} = " in text else f"{marker} = True{f'  # {why}' if why else ''}\n"
    path.write_text(text.replace("depends_on = None\n", f"depends_on = None\n{line}{more}"), encoding="utf-8")


def mark_incompatible(path: Path, more: str = "") -> None:
    """Mark a migration after which the previous release can't run. `more` are further lines."""
    mark(path, INCOMPATIBLE, more=more)


@lru_cache(maxsize=1)  # `generate_revision` adds the new ones
def _copy_migrations(stage: StagingArea) -> ScriptDirectory:
    """Return the migrations, copied to the staging area.

    Raises:
        ScaffoldError: if there are multiple heads.
    """
    stage.copy_in("migrations")
    config = Config()
    config.set_main_option("script_location", str(stage.folder / "migrations").replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    scripts.messaging_opts = {"quiet": True}
    if len(scripts.get_heads()) > 1:
        raise ScaffoldError(["there are multiple migration heads: run `app db merge` first"])
    return scripts


def _render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:  # noqa: ANN401, ARG001
    """Render Boolean defaults for every database."""
    argument = getattr(item, "arg", None) if kind == "server_default" else None
    if isinstance(argument, False_ | True_):
        return "sa.true()" if isinstance(argument, True_) else "sa.false()"
    return False


@contextmanager
def _imported(stage: StagingArea, *packages: str) -> Iterator[None]:
    """Import the models of all features, those of these ones from the staging area."""
    for package in packages:
        stage.copy_in(f"app/features/{package}")
    with importing(stage, [str(stage.folder / "app" / "features"), *features.__path__]):
        yield


@contextmanager
def importing(stage: StagingArea, folders: list[str]) -> Iterator[None]:
    """Import the models of the features in these folders."""
    before, features.__path__[:] = list(features.__path__), folders
    importlib.invalidate_caches()
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        _import_models(stage)
        yield
    finally:
        sys.dont_write_bytecode = written
        features.__path__[:] = before


def _import_models(stage: StagingArea) -> None:
    """Import the models of all features.

    Raises:
        ScaffoldError: if one of them raises an exception.
    """
    try:
        for _ in features.import_modules("models"):
            pass
    except SyntaxError:
        raise  # it names the file and the line
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{place.filename}, line {place.lineno}: {type(error).__name__}: {error}"
        for folder in (stage.folder, stage.root):
            message = message.replace(f"{folder}{os.sep}", "")
        raise ScaffoldError([message]) from error
