"""SQL statements compiled once per shape, for `app/database/driver.py`.

A shape is a statement without its values: `select(Note).where(Note.id == key)` has one, whatever the key. SQLAlchemy
caches compiled statements by the same key, but takes a multiple of the time to bind values and to convert rows.
https://docs.sqlalchemy.org/en/21/core/connections.html#sql-compilation-caching
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Dialect, Executable, Numeric
from sqlalchemy.types import TypeEngine

_MAX_CACHED = 1_000  # a shape per statement in the code and combination of optional filters
_NUMERIC_OID = 1700  # PostgreSQL's `numeric`; its result processor depends on the type that the driver returns

Processor = Callable[[Any], Any]


class UnsupportedStatement(Exception):
    """Only SQLAlchemy can execute the statement."""


class _Parameter(NamedTuple):
    name: str
    position: int | None
    """Its position among the values of a shape; None if its value belongs to the shape."""
    value: object
    process: Processor | None


class CompiledStatement:
    """A statement's SQL, and how to convert its values and its rows."""

    def __init__(
        self, statement: Executable, columns: Sequence[ColumnElement[Any]], values: Sequence[Any], dialect: Dialect
    ) -> None:
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        if any(bind.expanding or bind.literal_execute for bind in compiled.bind_names):
            raise UnsupportedStatement  # the SQL depends on the values
        self.sql = str(compiled)
        self.names = [str(column.key) for column in columns]
        positions = {bind.key: position for position, bind in enumerate(values)}
        self._parameters = [
            _Parameter(
                bind.key, positions.get(bind.key), bind.value, _adapted(bind.type, dialect).bind_processor(dialect)
            )
            for bind in (compiled.binds[name] for name in compiled.positiontup)
        ]
        processors = [_result_processor(column.type, dialect) for column in columns]
        self._processors = [(position, process) for position, process in enumerate(processors) if process]

    @cached_property
    def row_type(self) -> Any:  # noqa: ANN401 - a named tuple
        """Type of a row with the columns as attributes."""
        return namedtuple("Row", self.names)  # noqa: PYI024 - the names are data

    def bind(self, values: Sequence[Any]) -> list[object]:
        """Return the values of another statement of this shape, as the driver takes them."""
        return [
            process(value) if process else value
            for value, process in (
                (fixed if position is None else values[position].effective_value, process)
                for _, position, fixed, process in self._parameters
            )
        ]

    def bind_by_name(self, values: Mapping[str, object]) -> list[object]:
        """Return the values of `bindparam`s, as the driver takes them."""
        return [
            process(values.get(name, fixed)) if process else values.get(name, fixed)
            for name, _, fixed, process in self._parameters
        ]

    def convert(self, row: Sequence[Any]) -> Sequence[Any]:
        """Convert a row of the driver to Python values."""
        if not self._processors:
            return row
        converted = list(row)
        for position, process in self._processors:
            converted[position] = process(converted[position])
        return converted


class StatementCache:
    """Compiled statements by shape."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled: dict[Any, CompiledStatement | None] = {}

    def get(
        self,
        key: object,
        build: Callable[[], tuple[Executable, Sequence[ColumnElement[Any]]]],
        values: Sequence[Any] = (),
    ) -> CompiledStatement | None:
        """Return the compiled statement of a shape, or None if only SQLAlchemy can execute it."""
        try:
            return self._compiled[key]
        except KeyError:
            pass
        if len(self._compiled) >= _MAX_CACHED:
            self._compiled.clear()
        try:
            self._compiled[key] = CompiledStatement(*build(), values, self._dialect)
        except UnsupportedStatement:
            self._compiled[key] = None
        return self._compiled[key]


def shape_of(statement: Executable) -> tuple[object, Sequence[Any]]:
    """Return the cache key of a statement, and its values as `BindParameter`s.

    Raises:
        UnsupportedStatement: when SQLAlchemy can't cache it.
    """
    key = statement._generate_cache_key()  # type: ignore[attr-defined] # noqa: SLF001 - tests/database/test_statements.py
    if key is None:
        raise UnsupportedStatement
    return key.key, key.bindparams


def _adapted(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return kind.dialect_impl(dialect)


def _result_processor(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    return _adapted(kind, dialect).result_processor(dialect, _NUMERIC_OID if isinstance(kind, Numeric) else None)
