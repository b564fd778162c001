"""Steps of migrations for large tables on PostgreSQL: other transactions read and write the rows meanwhile.

Put each in a migration of its own: it commits the steps before it. After a failure, it can run again. On SQLite, the
steps are the usual ones.
"""

from typing import Any

from alembic import op


def create_index(name: str, table: str, columns: list[Any], **options: Any) -> None:  # noqa: ANN401 - Alembic's
    """Create an index; replace what an interrupted attempt left behind."""
    if not _is_postgresql():
        op.create_index(name, table, columns, **options)
        return
    with op.get_context().autocommit_block():
        # It waits for the end of older transactions, and nobody waits for it.
        timeout = op.get_bind().exec_driver_sql("SHOW lock_timeout").scalar_one()
        op.execute("SET lock_timeout = 0")
        try:
            op.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
            op.create_index(name, table, columns, postgresql_concurrently=True, **options)
        finally:
            op.execute(f"SET lock_timeout = '{timeout}'")


def create_unique_constraint(name: str, table: str, columns: list[str]) -> None:
    """Add a unique constraint. It fails if values repeat."""
    if _is_postgresql():
        _alter(table, f'DROP CONSTRAINT IF EXISTS "{name}"')
        create_index(name, table, columns, unique=True)
        _alter(table, f'ADD CONSTRAINT "{name}" UNIQUE USING INDEX "{name}"')
    else:
        with op.batch_alter_table(table) as batch_op:
            batch_op.create_unique_constraint(name, columns)


def validate_constraint(name: str, table: str) -> None:
    """Check the existing rows against a constraint that was added with `postgresql_not_valid=True`."""
    if _is_postgresql():
        _alter(table, f'VALIDATE CONSTRAINT "{name}"')


def set_not_null(table: str, column: str) -> None:
    """Reject NULL in a column. It fails if a row has none."""
    if _is_postgresql():
        name = f"{table}_{column}_not_null"[-63:]
        _alter(
            table,
            f'DROP CONSTRAINT IF EXISTS "{name}"',
            f'ADD CONSTRAINT "{name}" CHECK ("{column}" IS NOT NULL) NOT VALID',
            f'VALIDATE CONSTRAINT "{name}"',
            f'ALTER COLUMN "{column}" SET NOT NULL',  # without reading the table, because of the constraint
            f'DROP CONSTRAINT "{name}"',
        )
    else:
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column(column, nullable=False)


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _alter(table: str, *steps: str) -> None:
    """Commit each step, so that it keeps its lock only until it has ended."""
    with op.get_context().autocommit_block():
        for step in steps:
            op.execute(f'ALTER TABLE "{table}" {step}')
