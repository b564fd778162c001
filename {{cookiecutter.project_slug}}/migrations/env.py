"""Alembic environment, used by `app db …` and `alembic …`."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import CheckConstraint, Column, Connection, MetaData, String, Table, event, func, select, text
from sqlalchemy.sql.elements import False_, True_

from app import features
from app.accounts import models as accounts
from app.api import idempotency, rate_limits
from app.database import revisions
from app.database.base import Base
from app.database.connection import Database, build_database
from app.database.outages import DatabaseUnavailable
from app.files import models as files
from app.jobs import models as jobs
from app.settings.config import DatabaseSettings, load_settings

logger = logging.getLogger(__name__)

LOCK_KEY = 7_275_113  # any constant, the same in all processes

LOCK_TIMEOUT = timedelta(seconds=1)
"""How long a migration waits for a lock at once: everyone else who needs the table waits behind it."""
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.25, 5.0
LOCKED = {"55P03", "40P01"}
"""Lock timeout and deadlock. https://www.postgresql.org/docs/current/errcodes-appendix.html"""
STILL_LOCKED = (
    "other transactions still use what the migration changes; it was rolled back. End them (they are in the view "
    "pg_stat_activity), or set a longer DATABASE_MIGRATION_TIMEOUT, and run `app db upgrade` again"
)

__all__ = ["accounts", "files", "idempotency", "jobs", "rate_limits"]  # imported to register their tables


# Column types of dropped tables are read from one database. Downgrading must restore them on the other one, too, so
# they are written as portable types.
TYPES = {
    "BLOB": "sa.LargeBinary()",
    "BYTEA": "sa.LargeBinary()",
    "CHAR(32)": "sa.Uuid()",
    "UUID": "sa.Uuid()",
    "DATETIME": "app.database.column_types.UtcDateTime(timezone=True)",
    "TIMESTAMP": "app.database.column_types.UtcDateTime(timezone=True)",
    "INTERVAL": "app.database.column_types.ExactInterval()",
    "JSON": "sa.JSON()",
}


def render_item(type_: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:  # noqa: ANN401, ARG001
    """Render types and Boolean defaults portably: SQLite's 0 would be an error on PostgreSQL."""
    if type_ == "type":
        name = item.__visit_name__
        return TYPES.get(f"{name}({item.length})" if name == "CHAR" else name, False)
    argument = getattr(item, "arg", None) if type_ == "server_default" else None
    if isinstance(argument, False_ | True_):
        return "sa.true()" if isinstance(argument, True_) else "sa.false()"
    return False


def compare_default(  # noqa: PLR0913, PLR0917 - Alembic's
    context: Any,  # noqa: ANN401, ARG001
    inspected: Any,  # noqa: ANN401, ARG001
    column: Column[Any],
    found: str | None,
    wanted: Any,  # noqa: ANN401, ARG001
    rendered: str | None,  # noqa: ARG001
) -> bool | None:
    """Compare empty string defaults correctly on SQLite; leave others to Alembic."""
    default = getattr(column.server_default, "arg", None)
    return False if default == "" and found is not None and found.lstrip("(").startswith("''") else None


INCOMPATIBLE = Table(revisions.INCOMPATIBLE_TABLE, MetaData(), Column("revision", String(32), primary_key=True))


def record_step(ctx: MigrationContext, step: MigrationInfo, heads: object, run_args: object) -> None:  # noqa: ARG001
    """Record applied migrations marked `incompatible = True`; older code then reports not ready."""
    context.config.attributes.setdefault("applied", []).extend(step.up_revision_ids)
    for script in step.up_revisions:
        if isinstance(script, Script) and ctx.connection and getattr(script.module, "incompatible", False):
            INCOMPATIBLE.create(ctx.connection, checkfirst=True)
            ctx.connection.execute(INCOMPATIBLE.delete().filter_by(revision=script.revision))
            if step.is_upgrade:
                ctx.connection.execute(INCOMPATIBLE.insert().values(revision=script.revision))


def include_name(name: str | None, type_: str, parents: object) -> bool:  # noqa: ARG001 - Alembic's
    """Compare only tables of models and of the project's migrations; ignore others."""
    return type_ != "table" or name in Base.metadata.tables or name in created_tables()


def include_object(item: Any, name: str | None, type_: str, reflected: bool, compare_to: object) -> bool:  # noqa: ANN401, FBT001 - Alembic's
    """Ignore what a contract step will drop, with its indexes and constraints."""
    waiting = revisions.dropped_later(Path(context.script.dir)) if reflected and compare_to is None else ()
    if type_ == "table" or not waiting:
        return name not in waiting
    names = re.findall(r"\w+", str(item.sqltext)) if isinstance(item, CheckConstraint) else [name]
    names += [column.name for column in getattr(item, "columns", ())]
    return not any(f"{item.table.name}.{column}" in waiting for column in names)


@cache
def created_tables() -> frozenset[str]:
    """Return the names of the tables that migrations create or rename."""
    calls = re.compile(r"""\b(?:create|rename)_table\(\s*["'](\w+)["'](?:,\s*["'](\w+)["'])?""")
    texts = [path.read_text(encoding="utf-8") for path in Path(context.script.dir, "versions").glob("*.py")]
    return frozenset(name for text in texts for names in calls.findall(text) for name in names)


def migrate(connection: Connection) -> None:
    """Run the migrations on this connection, one process at a time."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=render_item,
        render_as_batch=True,  # SQLite supports few ALTER statements
        compare_server_default=compare_default,
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        transaction_per_migration=True,
        include_name=include_name,
        include_object=include_object,
        on_version_apply=record_step,
    )
    if connection.dialect.name == "sqlite":
        # A batch copies the table and drops the old one, which would cascade. The pragma has no effect in a
        # transaction, so it is sent to the driver. https://www.sqlite.org/lang_altertable.html#otheralter
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
    with context.begin_transaction():
        context.run_migrations()


@asynccontextmanager
async def locked(database: Database, seconds: float) -> AsyncIterator[None]:
    """Serialize migrations with an advisory lock on PostgreSQL.

    A separate connection holds it in a transaction, so that it is released in any case, also behind PgBouncer.

    Raises:
        CommandError: another process still holds the lock after this many seconds.
    """
    if database.engine.dialect.name != "postgresql":
        yield
        return
    async with database.write_engine.begin() as connection:
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text(f"SET LOCAL lock_timeout = {int(seconds * 1000)}"))
        if not await connection.scalar(select(func.pg_try_advisory_xact_lock(LOCK_KEY))):
            logger.warning("another migration is running: waiting up to %g seconds for it", seconds)
            try:
                await connection.execute(select(func.pg_advisory_xact_lock(LOCK_KEY)))
            except DatabaseUnavailable as error:
                message = f"another migration still holds the lock after {seconds:g} seconds; nothing was changed"
                raise CommandError(message) from error
        # Replaces the previous statement, whose snapshot `CREATE INDEX CONCURRENTLY` would wait for.
        await connection.execute(text("SET LOCAL lock_timeout = 0"))
        yield


async def migrate_with_retries(database: Database, seconds: float) -> None:
    """Run the migrations. One that doesn't get a lock is rolled back, and tried again after a pause.

    Raises:
        CommandError: it didn't get its locks within this many seconds; 0 means no limit.
    """
    applied = context.config.attributes.setdefault("applied", [])
    started, pause = time.monotonic(), FIRST_PAUSE_SECONDS
    while True:
        count = len(applied)
        try:
            async with database.write_engine.connect() as connection:
                return await connection.run_sync(migrate)
        except DatabaseUnavailable as error:
            if getattr(error.orig, "sqlstate", None) not in LOCKED:
                raise
            if len(applied) > count:  # this is another migration
                started, pause = time.monotonic(), FIRST_PAUSE_SECONDS
            is_relative = str(context.get_context().opts.get("destination_rev")).startswith(("+", "-"))
            if (is_relative and applied) or 0 < seconds < time.monotonic() - started + pause:
                raise CommandError(STILL_LOCKED) from error
        logger.warning("other transactions use what the migration changes: trying again in %g seconds", pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE_SECONDS)


async def connect_and_migrate() -> None:
    """Migrate the database from Alembic's configuration or, with `alembic …`, from the settings."""
    configured: DatabaseSettings = context.config.attributes.get("database") or load_settings().database
    seconds = configured.migration_timeout.total_seconds()
    lock_timeout = min(LOCK_TIMEOUT, configured.migration_timeout or LOCK_TIMEOUT)
    settings = configured.for_maintenance().model_copy(update={"lock_timeout": lock_timeout})
    database = build_database(settings)
    if settings.uses_pgbouncer:  # which rejects settings of a session
        limit = f"SET LOCAL lock_timeout = {lock_timeout // timedelta(milliseconds=1)}"
        event.listen(database.engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql(limit))
    try:
        async with locked(database, seconds):
            await migrate_with_retries(database, seconds)
    finally:
        await database.engine.dispose()


features.load_models()
asyncio.run(connect_and_migrate())
