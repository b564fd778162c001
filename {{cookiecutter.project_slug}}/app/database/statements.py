"""SQL statements compiled once per shape, for `app/database/driver.py`.

A shape is a statement without its values: `select(Note).where(Note.id == key)` has one, whatever the key. SQLAlchemy
caches compiled statements by the same key, but takes a multiple of the time to bind values and to convert rows.
https://docs.sqlalchemy.org/en/21/core/connections.html#sql-compilation-caching
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Executable, Float

Columns = Sequence[ColumnElement[Any]]

# PostgreSQL's `float8` and `numeric`: how SQLAlchemy converts them depends on the type that the driver returns.
_FLOAT_OID, _NUMERIC_OID = 701, 1700


class UnsupportedStatement(Exception):
    """Only SQLAlchemy can execute the statement."""


class CompiledStatement:
    """A statement's SQL, and how to convert its values and its rows."""

    def __init__(self, statement: Executable, columns: Columns, shape: Sequence[Any], dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        if any(bind.expanding or bind.literal_execute for bind in compiled.bind_names):
            raise UnsupportedStatement  # the SQL depends on the values
        self.sql, self.names = str(compiled), [str(column.key) for column in columns]
        positions = {bind.key: position for position, bind in enumerate(shape)}
        self._parameters = [
            (positions.get(bind.key, bind.key), bind.value, bind.type.dialect_impl(dialect).bind_processor(dialect))
            for bind in (compiled.binds[name] for name in compiled.positiontup)
        ]
        converters = [_result_processor(column, dialect) for column in columns]
        self._converters = [(position, convert) for position, convert in enumerate(converters) if convert]

    @cached_property
    def row_type(self) -> Any:  # noqa: ANN401 - a named tuple
        """Type of a row with the columns as attributes."""
        return namedtuple("Row", self.names)  # noqa: PYI024 - the names are data

    def bind(self, values: Mapping[Any, object]) -> list[object]:
        """Return values, by position in the shape or name of the `bindparam`, as the driver takes them."""
        return [
            convert(values.get(key, fixed)) if convert else values.get(key, fixed)
            for key, fixed, convert in self._parameters
        ]

    def as_tuples(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        """Return rows of the driver as named tuples."""
        return [self.row_type._make(self.convert(row)) for row in rows]

    def convert(self, row: Sequence[Any]) -> Sequence[Any]:
        """Convert a row of the driver to Python values."""
        if not self._converters:
            return row
        values = list(row)
        for position, convert in self._converters:
            values[position] = convert(values[position])
        return values


def shape_of(statement: Executable) -> tuple[object, Sequence[Any]]:
    """Return the shape of a statement, and its values as `BindParameter`s; the shape is None if it has none."""
    key = statement._generate_cache_key()  # type: ignore[attr-defined] # noqa: SLF001 - see tests/database/test_driver.py
    return (key.key, key.bindparams) if key else (None, ())


def _result_processor(column: ColumnElement[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    oid = _FLOAT_OID if isinstance(column.type, Float) else _NUMERIC_OID
    return column.type.dialect_impl(dialect).result_processor(dialect, oid)
