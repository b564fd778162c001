"""Column types."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from operator import floordiv, mod, mul, truediv
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    Interval,
    Numeric,
    SmallInteger,
    TypeDecorator,
)
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware UTC datetime; SQLite would return it without a timezone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Reject naive datetimes and convert others to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "naive datetime: use datetime.now(UTC)"
            raise ValueError(message)
        return value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Skip the conversion on PostgreSQL, whose driver returns UTC."""
        return None if dialect.name == "postgresql" else super().result_processor(dialect, coltype)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Add the UTC timezone."""
        if value is None:
            return None
        moment: datetime = value
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class ExactNumeric(TypeDecorator[Decimal]):
    """A decimal number of up to 19 digits; an integer in units of the last place on SQLite, which would round it.

    Comparisons, `func.min`, `max`, `sum` and `avg`, `+`, `-` and `*` by an integer work as with `Numeric`. SQLite's
    integers have 64 bits: the largest number of `ExactNumeric(19, 4)` is 922337203685477.5807.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int, scale: int) -> None:
        super().__init__(precision, scale)
        self.scale = scale
        self.limit = Decimal(2**63 - 1).scaleb(-scale)
        """The largest number."""

    class Comparator(TypeDecorator.Comparator[Decimal], Numeric.Comparator[Decimal]):
        """Operators that mean the same in both databases."""

        def operate(self, op: Any, *other: Any, **kwargs: Any) -> ColumnElement[Any]:  # noqa: ANN401 - SQLAlchemy's
            """Reject what would compute with units on SQLite: `price * rate` would have the units of both."""
            _reject_units(op, *other)
            return super().operate(op, *other, **kwargs)

    comparator_factory = Comparator

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:  # noqa: ANN401 - SQLAlchemy's
        """Return the type of the other operand: the factor of a product isn't in units."""
        _reject_units(op, value)
        return Integer() if op is mul else self

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | int | None:
        """Convert a number to units, rounded like PostgreSQL does."""
        if value is None or dialect.name != "sqlite":
            return value
        return int(Decimal(str(value)).scaleb(self.scale).to_integral_value(ROUND_HALF_UP))

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Decimal | None] | None:
        """Convert units to a number; PostgreSQL's driver returns it."""
        return super().result_processor(dialect, coltype) if dialect.name == "sqlite" else None

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401, ARG002
        """Convert units, of which an average is a fraction."""
        return None if value is None else Decimal(str(value)).scaleb(-self.scale)


class ExactInterval(TypeDecorator[timedelta]):
    """A duration; microseconds on SQLite, where SQLAlchemy's `Interval` would be a date after 1970.

    Comparisons, `func.min`, `max`, `sum` and `avg`, and `+` and `-` between durations work on both databases.
    """

    impl = Interval
    cache_ok = True

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:  # noqa: ANN401 - SQLAlchemy's
        """Return the type of the other operand."""
        return self if isinstance(value, timedelta) else super().coerce_compared_value(op, value)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> timedelta | int | None:
        """Convert a duration to microseconds."""
        return value if value is None or dialect.name != "sqlite" else value // timedelta(microseconds=1)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], timedelta | None] | None:
        """Convert microseconds to a duration; PostgreSQL's driver returns it."""
        return super().result_processor(dialect, coltype) if dialect.name == "sqlite" else None

    def process_result_value(self, value: Any, dialect: Dialect) -> timedelta | None:  # noqa: ANN401, ARG002
        """Convert microseconds, of which an average is a fraction."""
        return None if value is None else timedelta(microseconds=value)


def integer_limit(kind: Integer) -> int:
    """Return the smallest positive number that is too large for an integer column on PostgreSQL."""
    return 2**63 if isinstance(kind, BigInteger) else 2**15 if isinstance(kind, SmallInteger) else 2**31


def _reject_units(op: Any, *other: Any) -> None:  # noqa: ANN401 - operators and operands
    is_integer = [isinstance(item, int) or isinstance(getattr(item, "type", None), Integer) for item in other]
    if op in {truediv, floordiv, mod} or (op is mul and not all(is_integer)):
        message = "multiply and divide these numbers in Python: SQLite stores them as integers"
        raise TypeError(message)


class avg(GenericFunction[Any]):  # noqa: N801 - the name in `func.avg`
    """Average, which has the type of an `ExactNumeric` or `ExactInterval` column."""

    inherit_cache = True

    def __init__(self, column: Any, **kwargs: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        """Set the type."""
        of_units = isinstance(getattr(column, "type", None), ExactNumeric | ExactInterval)
        super().__init__(column, **({"type_": column.type} if of_units else {}), **kwargs)
