"""Cycle checks for self-referencing tables.

Every ORM session checks it when it flushes, for each nullable foreign key to the key of the same table; `update()`
statements are not checked. To allow cycles: `mapped_column(ForeignKey("people.id"), info={"cycles": True})`.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from sqlalchemy import Column, Select, event, func, inspect, select, update
from sqlalchemy.orm import MANYTOONE, Mapper, Session
from sqlalchemy.orm.attributes import History, set_committed_value

from app.errors import InvalidRequest


class SelfReference(NamedTuple):
    """A foreign key to the key of the same table, with the relationships to parents and to children."""

    attribute: str
    column: Column[Any]
    key: Column[Any]
    up: list[str]
    down: list[str]
    is_checked: bool


@event.listens_for(Session, "before_flush")
def _prepare(session: Session, *_: object) -> None:
    """Serialize transactions that move rows, and break up stored cycles, which the ORM can't order."""
    for parent, rows in _by_parent([*session.dirty, *session.deleted]):
        above = {key: _above(parent, row) & rows.keys() for key, row in rows.items()}
        moved = any(_history(row, parent.attribute).has_changes() for row in rows.values())
        if moved and parent.is_checked and session.get_bind().dialect.name == "postgresql":  # SQLite has one writer
            session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"tree of {parent.column}"))))
        while cycle := _cycle(above):
            for key in cycle:
                above[key] = set()
                _untie(session, parent, key, rows[key])


@event.listens_for(Session, "after_flush")
def _refuse_cycles(session: Session, *_: object) -> None:
    """Raise if this flush would create a cycle.

    Raises:
        InvalidRequest: naming the field.
    """
    for parent, rows in _by_parent(session.dirty):
        keys = [key for key, row in rows.items() if _history(row, parent.attribute).added not in ((), [None])]
        if keys and parent.is_checked and session.scalar(_in_cycle(parent, keys)) is not None:
            said = "A record can't be its own ancestor"
            raise InvalidRequest(errors=[{"loc": ("body", parent.attribute), "msg": said, "type": "cycle"}])


@cache
def _parents(mapper: Mapper[Any]) -> list[SelfReference]:
    found = []
    for column in mapper.columns:
        keys = [foreign.column for foreign in column.foreign_keys if foreign.column.table is column.table]
        if keys and [*column.table.primary_key] == keys:
            over = [r for r in mapper.relationships if not r.viewonly and column in r.local_columns | r.remote_side]
            up = [r.key for r in over if r.direction is MANYTOONE]
            down = [r.key for r in over if r.direction is not MANYTOONE]
            # Where the column is required, the topmost row is its own parent.
            is_checked = bool(column.nullable) and not column.info.get("cycles")
            name = mapper.get_property_by_column(column).key
            found.append(SelfReference(name, column, keys[0], up, down, is_checked))
    return found


def _by_parent(rows: Iterable[Any]) -> Iterator[tuple[SelfReference, dict[Any, Any]]]:
    """Yield the stored rows by their keys, for each foreign key that makes a tree of them."""
    states = [inspect(row) for row in rows]
    for mapper in {state.mapper for state in states}:
        for parent in _parents(mapper):
            yield parent, {state.identity[0]: state.object for state in states if state.mapper is mapper}


def _history(row: object, name: str) -> History:
    history: History = inspect(row).attrs[name].history
    return history


def _above(parent: SelfReference, row: object) -> set[Any]:
    """Return the keys of its new and its old parent, after what relationships say was copied to the column."""
    for name in parent.up:
        for related in _history(row, name).added:
            if related is None or inspect(related).identity:  # the ORM stores new ones first
                setattr(row, parent.attribute, related and inspect(related).identity[0])
    return {*_history(row, parent.attribute).sum()}


def _cycle(above: dict[Any, set[Any]]) -> set[Any]:
    try:
        TopologicalSorter(above).prepare()
    except CycleError as error:
        return {*error.args[1]}
    return set()


def _untie(session: Session, parent: SelfReference, key: object, row: object) -> None:
    """Make the ORM forget what a row refers to; the column keeps it, unless the row is deleted."""
    deleted = row in session.deleted
    if deleted and parent.column.nullable:  # or no row of a longer cycle could be the first to go
        session.execute(update(parent.column.table).where(parent.key == key).values({parent.column: None}))
    for name in [parent.attribute, *parent.up] if deleted else []:
        set_committed_value(row, name, None)
    for name in parent.down if deleted else [*parent.up, *parent.down]:
        session.expire(row, [name])


def _in_cycle(parent: SelfReference, keys: list[Any]) -> Select[Any]:
    """Select one of the rows that is its own ancestor; UNION ends the walk in an older cycle."""
    up = select(parent.key.label("row"), parent.column.label("above")).where(parent.key.in_(keys))
    walk = up.cte("walk", recursive=True)
    table = parent.column.table.alias()
    step = select(walk.c.row, table.c[parent.column.key]).join(table, table.c[parent.key.key] == walk.c.above)
    walk = walk.union(step)
    return select(walk.c.row).where(walk.c.row == walk.c.above).limit(1)
