"""Find all rows of an import that violate a unique constraint; the database would report only the first."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Column, Enum, String, UniqueConstraint, inspect, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.keys import is_entered, key_column, key_of

_BATCH_SIZE = 500


async def find_duplicates(
    session: AsyncSession, model: type[Any], rows: Mapping[int, Any]
) -> list[tuple[int, list[Column[Any]]]]:
    """Return the numbers of rows with duplicate values, and the columns. No row is in the session yet."""
    duplicates = []
    for columns in _unique_columns(model):
        values = {number: tuple(column_value(model, row, column) for column in columns) for number, row in rows.items()}
        known = await _stored(session, model, columns, [v for v in values.values() if None not in v])
        for number, value in values.items():
            if None in value:
                continue
            (stored_key,) = inspect(rows[number]).identity or (None,)
            if known.setdefault(value, rows[number]) not in {rows[number], stored_key}:
                duplicates.append((number, columns))
    return duplicates


def unique_text_columns(model: type[Any]) -> list[str]:
    """Return the names of the text columns that are unique on their own."""
    single = [columns[0] for columns in _unique_columns(model) if len(columns) == 1 and not columns[0].primary_key]
    return [column.key for column in single if isinstance(column.type, String) and not isinstance(column.type, Enum)]


def _unique_columns(model: type[Any]) -> Iterator[list[Column[Any]]]:
    table = model.__table__
    if is_entered(model):
        yield [*table.primary_key]
    yield from ([*c.columns] for c in table.constraints if isinstance(c, UniqueConstraint))
    yield from ([*index.columns] for index in table.indexes if index.unique and not index.dialect_kwargs)


def column_value(model: type[Any], row: Any, column: Column[Any]) -> Any:  # noqa: ANN401
    """Return the value of a column. Foreign keys are set on flush, so it is taken from the relationship."""
    for relation in model.__mapper__.relationships:
        if relation.local_columns == {column} and relation.direction.name == "MANYTOONE" and relation.key in vars(row):
            related = vars(row)[relation.key]
            return key_of(related) if related is not None else None
    return getattr(row, model.__mapper__.get_property_by_column(column).key)


async def _stored(
    session: AsyncSession, model: type[Any], columns: list[Column[Any]], values: list[tuple[Any, ...]]
) -> dict[Any, Any]:
    """Return the IDs of existing rows by their values."""
    known: dict[Any, Any] = {}
    for start in range(0, len(values), _BATCH_SIZE):
        query = select(key_column(model), *columns).where(tuple_(*columns).in_(values[start : start + _BATCH_SIZE]))
        known |= {tuple(row[1:]): row[0] for row in await session.execute(query)}
    return known
