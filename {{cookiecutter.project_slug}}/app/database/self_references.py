"""Cycle checks for self-referencing tables, such as categories with a parent.

Every ORM session checks nullable foreign keys to the primary key of the same table when it flushes. `update()`
statements are not checked. To allow cycles: `mapped_column(ForeignKey("people.id"), info={"allow_cycles": True})`.
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
    """A foreign key to the same table's primary key, with the relationships to the parent and the children."""

    attribute: str
    column: Column[Any]
    key: Column[Any]
    parents: list[str]
    children: list[str]
    is_checked: bool


@event.listens_for(Session, "before_flush")
def _prepare(session: Session, *_: object) -> None:
    """Serialize transactions that move rows, and break stored cycles, which the ORM can't sort."""
    for reference, rows in _by_reference([*session.dirty, *session.deleted]):
        above = {key: _above(reference, row) & rows.keys() for key, row in rows.items()}
        moved = any(_history(row, reference.attribute).has_changes() for row in rows.values())
        if moved and reference.is_checked and session.get_bind().dialect.name == "postgresql":  # SQLite has one writer
            session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"tree of {reference.column}"))))
        while cycle := _cycle(above):
            for key in cycle:
                above[key] = set()
                _break_cycle(session, reference, key, rows[key])


@event.listens_for(Session, "after_flush")
def _reject_cycles(session: Session, *_: object) -> None:
    """Raise if this flush would create a cycle.

    Raises:
        InvalidRequest: when it would; names the field.
    """
    for reference, rows in _by_reference(session.dirty):
        keys = [key for key, row in rows.items() if _history(row, reference.attribute).added not in ((), [None])]
        if keys and reference.is_checked and session.scalar(_in_cycle(reference, keys)) is not None:
            message = "A record can't be its own ancestor"
            raise InvalidRequest(errors=[{"loc": ("body", reference.attribute), "msg": message, "type": "cycle"}])


@cache
def _self_references(mapper: Mapper[Any]) -> list[SelfReference]:
    found = []
    for column in mapper.columns:
        keys = [foreign.column for foreign in column.foreign_keys if foreign.column.table is column.table]
        if keys and [*column.table.primary_key] == keys:
            relationships = [
                r for r in mapper.relationships if not r.viewonly and column in r.local_columns | r.remote_side
            ]
            parents = [r.key for r in relationships if r.direction is MANYTOONE]
            children = [r.key for r in relationships if r.direction is not MANYTOONE]
            # If the column is required, the root is its own parent.
            is_checked = bool(column.nullable) and not column.info.get("allow_cycles")
            name = mapper.get_property_by_column(column).key
            found.append(SelfReference(name, column, keys[0], parents, children, is_checked))
    return found


def self_reference_columns(mapper: Mapper[Any]) -> set[str]:
    """Return the attributes that reference the same table, which only the ORM may change."""
    return {reference.attribute for reference in _self_references(mapper)}


def _by_reference(rows: Iterable[Any]) -> Iterator[tuple[SelfReference, dict[Any, Any]]]:
    """Yield each self-referencing foreign key with the persistent rows of its model, by primary key."""
    states = [inspect(row) for row in rows]
    for mapper in {state.mapper for state in states}:
        for reference in _self_references(mapper):
            yield reference, {state.identity[0]: state.object for state in states if state.mapper is mapper}


def _history(row: object, name: str) -> History:
    history: History = inspect(row).attrs[name].history
    return history


def _above(reference: SelfReference, row: object) -> set[Any]:
    """Copy new parents from relationships to the column; return the keys of the new and the old parent."""
    for name in reference.parents:
        for related in _history(row, name).added:
            if related is None or inspect(related).identity:  # the ORM inserts new rows first
                setattr(row, reference.attribute, related and inspect(related).identity[0])
    return {*_history(row, reference.attribute).sum()}


def _cycle(above: dict[Any, set[Any]]) -> set[Any]:
    try:
        TopologicalSorter(above).prepare()
    except CycleError as error:
        return {*error.args[1]}
    return set()


def _break_cycle(session: Session, reference: SelfReference, key: object, row: object) -> None:
    """Unload a row's relationships, so that the ORM ignores them; set a deleted row's column to NULL if possible."""
    deleted = row in session.deleted
    if deleted and reference.column.nullable:  # otherwise no row of a longer cycle could be deleted first
        session.execute(update(reference.column.table).where(reference.key == key).values({reference.column: None}))
    for name in [reference.attribute, *reference.parents] if deleted else []:
        set_committed_value(row, name, None)
    for name in reference.children if deleted else [*reference.parents, *reference.children]:
        session.expire(row, [name])


def _in_cycle(reference: SelfReference, keys: list[Any]) -> Select[Any]:
    """Select a row that is its own ancestor. UNION, unlike UNION ALL, ends the recursion in an existing cycle."""
    start = select(reference.key.label("row"), reference.column.label("above")).where(reference.key.in_(keys))
    walk = start.cte("walk", recursive=True)
    table = reference.column.table.alias()
    step = select(walk.c.row, table.c[reference.column.key]).join(table, table.c[reference.key.key] == walk.c.above)
    walk = walk.union(step)
    return select(walk.c.row).where(walk.c.row == walk.c.above).limit(1)
