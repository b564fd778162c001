"""Which of many new rows cannot be stored, for another has what must be unique: the database would name only one."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Column, UniqueConstraint, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

_AT_ONCE = 500


async def find_taken(session: AsyncSession, model: type[Any], rows: Mapping[int, Any]) -> list[tuple[int, str]]:
    """Return the numbers of such rows, and the field that tells it; none of them is in the session yet."""
    taken = []
    with session.no_autoflush:
        for columns in _unique(model):
            values = {number: tuple(_value(model, row, column) for column in columns) for number, row in rows.items()}
            known = await _stored(session, columns, [v for v in values.values() if None not in v])
            for number, value in values.items():
                if None in value:
                    continue
                if value in known:
                    taken.append((number, columns[-1].key))
                known.add(value)
    return taken


def _unique(model: type[Any]) -> Iterator[list[Column[Any]]]:
    table = model.__table__
    yield from ([*c.columns] for c in table.constraints if isinstance(c, UniqueConstraint))
    yield from ([*index.columns] for index in table.indexes if index.unique and not index.dialect_kwargs)


def _value(model: type[Any], row: Any, column: Column[Any]) -> Any:  # noqa: ANN401
    """Return what the row will have in a column; that of a reference is set when it is stored."""
    for relation in model.__mapper__.relationships:
        if relation.local_columns == {column} and relation.direction.name == "MANYTOONE":
            related = row.__dict__.get(relation.key)
            return related.id if related is not None else None
    return getattr(row, model.__mapper__.get_property_by_column(column).key)


async def _stored(session: AsyncSession, columns: list[Column[Any]], values: list[tuple[Any, ...]]) -> set[Any]:
    known: set[Any] = set()
    for start in range(0, len(values), _AT_ONCE):
        query = select(*columns).where(tuple_(*columns).in_(values[start : start + _AT_ONCE]))
        known |= {tuple(row) for row in await session.execute(query)}
    return known
