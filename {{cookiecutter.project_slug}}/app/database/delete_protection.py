"""Report how many rows still reference a row that is to be deleted; the database only raises an integrity error.

Every ORM session counts before it flushes, for foreign keys that neither the database nor a relationship clears.
"""

from collections import Counter
from functools import cache
from typing import Any

from sqlalchemy import Column, Table, event, func, inspect, select
from sqlalchemy.orm import MANYTOONE, Mapper, Session

from app.database.titles import words_of
from app.errors import StillReferenced

_ENOUGH = 1_000


@event.listens_for(Session, "before_flush")
def _refuse_referred(session: Session, *_: object) -> None:
    """Raise if a deleted row is still referenced by rows that are not deleted.

    Raises:
        StillReferenced: with a message and the row.
    """
    for row in session.deleted:
        mapper = inspect(row).mapper
        counted: Counter[Table] = Counter()
        for column, key in restricting_columns(mapper):
            counted[column.table] += _count(session, column, getattr(row, key))
        if some := [(_name(mapper, table, number), number) for table, number in counted.items() if number]:
            refer = "refers" if [number for _, number in some] == [1] else "refer"
            said = " and ".join(name for name, _ in some)
            raise StillReferenced(f"Can't delete: {said} still {refer} to this {words_of(mapper.class_)}.", row)


@cache
def restricting_columns(mapper: Mapper[Any]) -> list[tuple[Column[Any], str]]:
    """Return the foreign key columns that prevent the deletion of such a row, with the referenced attributes."""
    target: Any = mapper.local_table
    cleared = {column for r in mapper.relationships if r.direction is not MANYTOONE for column in r.remote_side}
    return [
        (column, mapper.get_property_by_column(foreign.column).key)
        for table in target.metadata.tables.values()
        for column in table.columns
        for foreign in column.foreign_keys
        if foreign.column.table is target and foreign.ondelete not in {"CASCADE", "SET NULL", "SET DEFAULT"}
        if column not in cleared and len(foreign.constraint.elements) == 1
    ]


def _count(session: Session, column: Column[Any], key: object) -> int:
    """Count the rows that reference a key, excluding rows changed or deleted in this flush."""
    states = [inspect(row) for row in (*session.dirty, *session.deleted)]
    touched = [state.identity[0] for state in states if state.mapper.local_table is column.table]
    query = select(column).where(column == key, next(iter(column.table.primary_key)).not_in(touched))
    return session.scalar(select(func.count()).select_from(query.limit(_ENOUGH + 1).subquery())) or 0


def _name(mapper: Mapper[Any], table: Table, number: int) -> str:
    if number > _ENOUGH:
        return f"more than {_ENOUGH:,} {table.name.replace('_', ' ')}"
    one = [other for other in mapper.registry.mappers if other.local_table is table and number == 1]
    return f"{number:,} {words_of(one[0].class_) if one else table.name.replace('_', ' ')}"
