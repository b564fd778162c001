"""Delete protection: report what still references a row; the database would only raise an integrity error.

Every ORM session checks deleted rows before a flush, for foreign keys without `ON DELETE` that no relationship clears.
"""

from collections import Counter
from functools import cache
from typing import Any

from babel.lists import format_list
from babel.numbers import format_decimal
from sqlalchemy import Column, Table, event, func, inspect, select
from sqlalchemy.orm import MANYTOONE, Mapper, Session

from app.database.titles import model_name
from app.errors import StillReferenced
from app.i18n import current_locale, gettext, in_sentence, ngettext

_MAX_COUNT = 1_000


@event.listens_for(Session, "before_flush")
def _check_deletions(session: Session, *_: object) -> None:
    """Raise if a deleted row is still referenced by rows that are not deleted.

    Raises:
        StillReferenced: when it is; names the tables and the number of rows that refer to it.
    """
    for row in session.deleted:
        mapper = inspect(row).mapper
        counted: Counter[Table] = Counter()
        for column, key in restricting_columns(mapper):
            counted[column.table] += _count(session, column, getattr(row, key))
        if found := [(_name(mapper, table, number), number) for table, number in counted.items() if number]:
            names = format_list([name for name, _ in found], locale=current_locale())
            detail = ngettext(
                "Can't delete: %(names)s still refers to this %(model)s.",
                "Can't delete: %(names)s still refer to this %(model)s.",
                counted.total(),
                names=names,
                model=_in_sentence(model_name(mapper.class_)),
            )
            raise StillReferenced(detail, row)


@cache
def restricting_columns(mapper: Mapper[Any]) -> list[tuple[Column[Any], str]]:
    """Return the foreign key columns that prevent a deletion from this table, each with the attribute it references."""
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
    return session.scalar(select(func.count()).select_from(query.limit(_MAX_COUNT + 1).subquery())) or 0


def _name(mapper: Mapper[Any], table: Table, number: int) -> str:
    if number > _MAX_COUNT:
        limit = format_decimal(_MAX_COUNT, locale=current_locale())
        return gettext("more than %(limit)s %(rows)s", limit=limit, rows=_in_sentence(table.name.replace("_", " ")))
    one = [other for other in mapper.registry.mappers if other.local_table is table and number == 1]
    return f"{number:,} {_in_sentence(model_name(one[0].class_) if one else table.name.replace('_', ' '))}"


def _in_sentence(name: str) -> str:
    """Return the name of a model or a table in the language of the request, as the admin calls it."""
    return in_sentence(gettext(name.capitalize()))
