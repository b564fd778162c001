"""Which of many rows cannot be stored, for another has what must be unique: the database would name only one."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Column, Enum, String, UniqueConstraint, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

_AT_ONCE = 500


async def find_duplicates(session: AsyncSession, model: type[Any], rows: Mapping[int, Any]) -> list[tuple[int, str]]:
    """Return the numbers of such rows, and the field that tells it; none of them is in the session yet."""
    taken = []
    for columns in _unique(model):
        values = {number: tuple(_value(model, row, column) for column in columns) for number, row in rows.items()}
        known = await _stored(session, model, columns, [v for v in values.values() if None not in v])
        for number, value in values.items():
            if None in value:
                continue
            if known.setdefault(value, rows[number]) not in {rows[number], rows[number].id}:
                taken.append((number, columns[-1].key))
    return taken


def unique_text_columns(model: type[Any]) -> list[str]:
    """Return the texts that name one row each."""
    single = [columns[0] for columns in _unique(model) if len(columns) == 1]
    return [column.key for column in single if isinstance(column.type, String) and not isinstance(column.type, Enum)]


def _unique(model: type[Any]) -> Iterator[list[Column[Any]]]:
    table = model.__table__
    yield from ([*c.columns] for c in table.constraints if isinstance(c, UniqueConstraint))
    yield from ([*index.columns] for index in table.indexes if index.unique and not index.dialect_kwargs)


def _value(model: type[Any], row: Any, column: Column[Any]) -> Any:  # noqa: ANN401
    """Return what the row will have in a column; that of a reference is set when it is stored."""
    for relation in model.__mapper__.relationships:
        if relation.local_columns == {column} and relation.direction.name == "MANYTOONE" and relation.key in vars(row):
            related = vars(row)[relation.key]
            return related.id if related is not None else None
    return getattr(row, model.__mapper__.get_property_by_column(column).key)


async def _stored(
    session: AsyncSession, model: type[Any], columns: list[Column[Any]], values: list[tuple[Any, ...]]
) -> dict[Any, Any]:
    """Return the ids of stored rows by their values."""
    known: dict[Any, Any] = {}
    for start in range(0, len(values), _AT_ONCE):
        query = select(model.id, *columns).where(tuple_(*columns).in_(values[start : start + _AT_ONCE]))
        known |= {tuple(row[1:]): row[0] for row in await session.execute(query)}
    return known
