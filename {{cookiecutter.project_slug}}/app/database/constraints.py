"""Which constraint the database enforced when it rejected a write."""

from sqlalchemy import UniqueConstraint
from sqlalchemy.exc import IntegrityError


def violates(error: IntegrityError, constraint: UniqueConstraint) -> bool:
    """Return whether an integrity error was raised by this constraint.

    PostgreSQL names the constraint, SQLite its columns.
    """
    columns = ", ".join(f"{constraint.table.name}.{column.name}" for column in constraint.columns)
    return f'"{constraint.name}"' in str(error.orig) or str(error.orig).endswith(f": {columns}")


def violates_foreign_key(error: IntegrityError) -> bool:
    """Return whether an integrity error is a foreign key violation."""
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    return getattr(error.orig, "sqlstate", None) in {"23001", "23503"} or "FOREIGN KEY" in str(error.orig)
