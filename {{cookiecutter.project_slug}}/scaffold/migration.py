"""Models → a migration, without a database: what it holds depends on the code alone.

Rendered for PostgreSQL, whose types SQLite understands; the other way round does not work.
"""

import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from uuid import uuid4

from alembic.autogenerate import render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Table
from sqlalchemy.sql.elements import False_, True_

from app import features
from app.accounts import models
from app.database import Base
from scaffold.grammar import Problems
from scaffold.names import words
from scaffold.writing import Stage

__all__ = ["models"]  # imported for its tables


def write_tables(stage: Stage, package: str, names: Iterable[str]) -> None:
    """Write the migration that makes the tables of a feature which is on the stage."""
    with _imported(stage, package):
        tables = [Base.metadata.tables[name] for name in names]
        steps = [step for table in tables for step in _creating(table)]
        _write(stage, f"Create the table of {words(package)}", steps)


def _creating(table: Table) -> list[ops.MigrateOperation]:
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    created: list[ops.MigrateOperation] = [ops.CreateIndexOp.from_index(index) for index in indexes]
    batch = [ops.ModifyTableOps(table.name, created)] if created else []
    return [ops.CreateTableOp.from_table(table), *batch]


def _write(stage: Stage, message: str, steps: list[ops.MigrateOperation]) -> None:
    up = ops.UpgradeOps(steps)
    context = MigrationContext.configure(dialect_name="postgresql", opts={"target_metadata": Base.metadata})
    texts = [
        render_python_code(part, render_as_batch=True, render_item=_render_item, migration_context=context)
        for part in (up, up.reverse())
    ]
    scripts = _scripts(stage)
    scripts.generate_revision(
        uuid4().hex[:12],
        message,
        head=scripts.get_current_head() or "base",
        imports="from sqlalchemy.dialects import postgresql\n",  # ruff takes it away where it is not needed
        upgrades=_plain(texts[0]),
        downgrades=_plain(texts[1]),
    )


def _plain(text: str) -> str:
    """Leave out what Alembic says about itself."""
    lines = [line for line in text.splitlines() if not line.strip().startswith("# ###")]
    return "\n".join(lines).strip().replace(", schema=None", "")


def _scripts(stage: Stage) -> ScriptDirectory:
    """Return the migrations, copied to the stage.

    Raises:
        Problems: when there are two newest ones.
    """
    stage.borrow("migrations")
    config = Config()
    config.set_main_option("script_location", str(stage.folder / "migrations").replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    scripts.messaging_opts = {"quiet": True}
    if len(scripts.get_heads()) > 1:
        raise Problems(["there are two newest migrations: run `alembic merge heads` first"])
    return scripts


def _render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:  # noqa: ANN401, ARG001
    """Write Boolean defaults as every database takes them."""
    argument = getattr(item, "arg", None) if kind == "server_default" else None
    if isinstance(argument, False_ | True_):
        return "sa.true()" if isinstance(argument, True_) else "sa.false()"
    return False


@contextmanager
def _imported(stage: Stage, package: str) -> Iterator[None]:
    """Import the models of all features, of this one as it is on the stage."""
    stage.borrow(f"app/features/{package}")
    features.__path__.insert(0, str(stage.folder / "app" / "features"))
    importlib.invalidate_caches()
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        for _ in features.modules("models"):
            pass
        yield
    finally:
        sys.dont_write_bytecode = written
        features.__path__.pop(0)
