"""Rows that refer to rows of their own table form a tree: no row is its own ancestor.

Every ORM session checks it when it flushes, so it holds for the API, pages, the admin and imports alike, and for each
nullable foreign key to the key of the same table. Where cycles make sense, allow them:
`mapped_column(ForeignKey("people.id"), info={"cycles": True})`. Rows related many-to-many form a graph, which may
have cycles. `update()` statements are not checked.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from sqlalchemy import Column, Select, event, func, inspect, select, update
from sqlalchemy.orm import MANYTOONE, Mapper, Session
from sqlalchemy.orm.attributes import set_committed_value

from app.errors import InvalidRequest


class Parent(NamedTuple):
    """A foreign key to the key of the same table."""

    attribute: str
    column: Column[Any]
    key: Column[Any]
    up: list[str]
    """Relationships to the parent."""
    down: list[str]
    """Relationships to the children."""

    @property
    def is_checked(self) -> bool:
        """Tell whether rows form a tree; where the column is required, the topmost row is its own parent."""
        return bool(self.column.nullable) and not self.column.info.get("cycles")

    def has_moved(self, row: object) -> bool:
        """Tell whether the row, or one of its children, gets another parent."""
        return any(inspect(row).attrs[name].history.has_changes() for name in (self.attribute, *self.up, *self.down))

    def above(self, row: object) -> set[Any]:
        """Return the keys of its parent and, when it gets another one, of the old one; as far as they are loaded."""
        attributes = inspect(row).attrs
        related = [one for name in self.up for one in attributes[name].history.sum() if one is not None]
        return {*attributes[self.attribute].history.sum(), *map(_key, related)}


@event.listens_for(Session, "before_flush")
def _prepare(session: Session, *_: object) -> None:
    """Let transactions that move rows take turns, and take apart stored cycles, which the ORM cannot sort."""
    for parent, rows in _by_parent([*session.dirty, *session.deleted]):
        is_shared = session.get_bind().dialect.name == "postgresql"  # SQLite has one writer
        if is_shared and parent.is_checked and any(map(parent.has_moved, rows)):
            session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"tree of {parent.column}"))))
        by_key = {_key(row): row for row in rows}
        above = {key: parent.above(row) & by_key.keys() for key, row in by_key.items()}
        while cycle := _cycle(above):
            for key in cycle:
                above[key] = set()
                _untie(session, parent, by_key[key])


@event.listens_for(Session, "after_flush")
def _refuse_cycles(session: Session, *_: object) -> None:
    """Refuse a cycle that this flush makes.

    Raises:
        InvalidRequest: naming the field.
    """
    for parent, rows in _by_parent(session.dirty):
        keys = [_key(row) for row in rows if inspect(row).attrs[parent.attribute].history.added not in ((), [None])]
        if keys and parent.is_checked and session.scalar(_ancestors(parent, keys)) is not None:
            said = "A row cannot be its own ancestor"
            raise InvalidRequest(errors=[{"loc": ("body", parent.attribute), "msg": said, "type": "cycle"}])


@cache
def _parents(mapper: Mapper[Any]) -> list[Parent]:
    found = []
    for column in mapper.columns:
        keys = [foreign.column for foreign in column.foreign_keys if foreign.column.table is column.table]
        if keys and [*column.table.primary_key] == keys:
            over = [r for r in mapper.relationships if column in r.local_columns | r.remote_side]
            up = [r.key for r in over if r.direction is MANYTOONE]
            down = [r.key for r in over if r.direction is not MANYTOONE]
            found.append(Parent(mapper.get_property_by_column(column).key, column, keys[0], up, down))
    return found


def _by_parent(rows: Iterable[Any]) -> Iterator[tuple[Parent, list[Any]]]:
    """Sort rows by what makes a tree of them; most tables have none."""
    rows = list(rows)
    for mapper in {inspect(row).mapper for row in rows}:
        for parent in _parents(mapper):
            yield parent, [row for row in rows if inspect(row).mapper is mapper]


def _key(row: object) -> Any:  # noqa: ANN401
    """Return the key of a row, none when it is not stored yet."""
    return (inspect(row).identity or [None])[0]


def _cycle(above: Mapping[Any, Collection[Any]]) -> set[Any]:
    try:
        TopologicalSorter(above).prepare()
    except CycleError as error:
        return {*error.args[1]}
    return set()


def _untie(session: Session, parent: Parent, row: object) -> None:
    """Make the ORM forget what a row refers to; the column keeps it, unless the row is deleted."""
    if row in session.deleted:
        if parent.column.nullable:  # or no row of a longer cycle could be the first to go
            session.execute(update(parent.column.table).where(parent.key == _key(row)).values({parent.column: None}))
        for name in (parent.attribute, *parent.up):
            set_committed_value(row, name, None)
    else:
        for name in parent.up:
            for related in inspect(row).attrs[name].history.added:
                setattr(row, parent.attribute, _key(related) if related else None)
            session.expire(row, [name])
    for name in parent.down:
        session.expire(row, [name])


def _ancestors(parent: Parent, keys: Collection[Any]) -> Select[Any]:
    """Select those of the rows that are their own ancestors. UNION ends it where an older cycle stands above them."""
    up = select(parent.key.label("row"), parent.column.label("above")).where(parent.key.in_(keys))
    found = up.cte("up", recursive=True)
    table = parent.column.table.alias()
    climbed = select(found.c.row, table.c[parent.column.key]).join(table, table.c[parent.key.key] == found.c.above)
    found = found.union(climbed)
    return select(found.c.row).where(found.c.row == found.c.above).limit(1)
