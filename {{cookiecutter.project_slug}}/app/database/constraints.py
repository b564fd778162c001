"""Which constraint the database enforced when it rejected a write, and comparisons of columns."""

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from app.database.durations import format_duration, interval_sql
from app.errors import InvalidRequest

Operand = str | float | Decimal | date | time | timedelta
"""A column, or a value."""

OPERATORS = {
    "<": ("lt", operator.lt),
    "<=": ("le", operator.le),
    ">": ("gt", operator.gt),
    ">=": ("ge", operator.ge),
    "!=": ("ne", operator.ne),
}
_PREPARERS = [module.dialect().identifier_preparer for module in (postgresql, sqlite)]


class Comparison(CheckConstraint):
    """A CHECK constraint that compares a column with another one or with a value. Nulls pass.

    __table_args__ = (Comparison("ends_at", ">", "starts_at", "Must be later than the start"),)

    The message is shown at the first column. Schemas check it with `check_comparisons`, services with
    `report_comparisons`.
    """

    def __init__(self, field: str, sign: str, other: Operand, message: str) -> None:
        self.field, self.sign, self.other, self.message = field, sign, other, message
        right = format_duration(other).replace(" ", "") if isinstance(other, timedelta) else other
        name = f"{field}_{OPERATORS[sign][0]}_{right}".replace("-", "_").replace(".", "_").replace(":", "_")
        super().__init__(f"{quote(field)} {sign} {_sql(other)}", name=name)

    def is_met(self, value_of: Callable[[str], Any]) -> bool:
        """Return whether values meet it, by the names of their columns."""
        left = value_of(self.field)
        right = value_of(self.other) if isinstance(self.other, str) else self.other
        return left is None or right is None or bool(OPERATORS[self.sign][1](left, right))


def quote(name: str) -> str:
    """Return the name of a column in SQL, in quotes if one of the databases reserves it."""
    return max((str(preparer.quote(name)) for preparer in _PREPARERS), key=len)


def _sql(other: Operand) -> str:
    """Return a column, or a value as both databases store it."""
    if isinstance(other, timedelta):
        return interval_sql(other)
    if isinstance(other, time):
        return f"'{other.isoformat('microseconds')}'"
    if isinstance(other, date):
        return f"'{other.isoformat()}'"
    return quote(other) if isinstance(other, str) else str(other)


def comparisons_of(model: type[Any]) -> list[Comparison]:
    """Return the comparisons of a model, by name."""
    found = [item for item in model.__table__.constraints if isinstance(item, Comparison)]
    return sorted(found, key=lambda item: str(item.name))


def violates(error: IntegrityError, constraint: UniqueConstraint | PrimaryKeyConstraint | CheckConstraint) -> bool:
    """Return whether an integrity error was raised by this constraint.

    PostgreSQL names the constraint; SQLite names a CHECK constraint, and the columns of the others. PostgreSQL's names
    have at most 63 characters: SQLAlchemy shortens longer ones and adds a part of their hash.
    """
    columns = ", ".join(f"{constraint.table.name}.{column.name}" for column in constraint.columns)
    rule = constraint.name if isinstance(constraint, CheckConstraint) else columns
    stored_name = str(_PREPARERS[0].format_constraint(constraint)).strip('"')
    return f'"{stored_name}"' in str(error.orig) or str(error.orig).endswith(f": {rule}")


def taken_column(error: IntegrityError, model: type[Any]) -> str | None:
    """Return the unique column whose value another row has, or None if the error has another cause."""
    for item in model.__table__.constraints:
        if isinstance(item, UniqueConstraint) and len(item.columns) == 1 and violates(error, item):
            return str(item.columns[0].key)
    return None


@contextmanager
def report_comparisons(model: type[Any]) -> Iterator[None]:
    """Name the field if the database rejects a write because of a comparison.

    Raises:
        InvalidRequest: a comparison isn't met.
    """
    try:
        yield
    except IntegrityError as error:
        for item in comparisons_of(model):
            if violates(error, item):
                failed = {"loc": ("body", item.field), "msg": item.message, "type": "comparison"}
                raise InvalidRequest(errors=[failed]) from error
        raise


def violates_foreign_key(error: IntegrityError) -> bool:
    """Return whether an integrity error is a foreign key violation."""
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    return getattr(error.orig, "sqlstate", None) in {"23001", "23503"} or "FOREIGN KEY" in str(error.orig)
