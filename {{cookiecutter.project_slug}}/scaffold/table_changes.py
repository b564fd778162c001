"""What changes between the tables of two versions of the models: the steps of a migration.

The same function writes the downgrade, with the versions exchanged.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from alembic.operations import ops
from sqlalchemy import (
    CheckConstraint,
    Column,
    Constraint,
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql, sqlite

from scaffold.guards import code_of, default_of, filling, guards_of

Tables = Mapping[str, Table]
Step = ops.MigrateOperation | str
"""An operation of Alembic, or lines of code."""

_DIALECTS = (postgresql.dialect(), sqlite.dialect())  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Renames:
    """The new names of tables, columns and permissions."""

    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The new name of a column, by the old names of its table and itself."""
    permissions: Mapping[str, str] = field(default_factory=dict)

    def reversed(self) -> "Renames":
        """Return the renames that undo these."""
        return Renames(
            {new: old for old, new in self.tables.items()},
            {(self.tables.get(table, table), new): old for (table, old), new in self.columns.items()},
            {new: old for old, new in self.permissions.items()},
        )


def steps_between(before: Tables, after: Tables, renames: Renames) -> list[Step]:
    """Return the steps that turn the tables `before` into those `after`."""
    pairs = {name: renames.tables.get(name, name) for name in before}
    steps: list[Step] = []
    for old in reversed([name for name, new in pairs.items() if new not in after]):
        steps += ops.UpgradeOps(creating(before[old])).reverse().ops
    steps += [f'op.rename_table("{old}", "{new}")' for old, new in pairs.items() if new in after and new != old]
    for (table, old), new in renames.columns.items():
        if table in before and old in before[table].c:
            steps.append(f'op.alter_column("{pairs[table]}", "{old}", new_column_name="{new}")')
    for old, new in pairs.items():
        if new in after:
            columns = {column.name: renames.columns.get((old, column.name), column.name) for column in before[old].c}
            steps += _altering(before[old], after[new], columns, renames)
            steps += _renaming_key(before[old], after[new])
    for name in after:
        steps += creating(after[name]) if name not in pairs.values() else []
    steps += [f'rename_permission(op.get_bind(), "{old}", "{new}")' for old, new in renames.permissions.items()]
    return steps


def creating(table: Table, later: Iterable[ops.MigrateOperation] = ()) -> list[ops.MigrateOperation]:
    """Return the operations that create a table with its indexes, without what the others add later."""
    omitted = {name for step in later for name in _names_in(step)}
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    created: list[ops.MigrateOperation] = [
        ops.CreateIndexOp.from_index(index) for index in indexes if str(index.name) not in omitted
    ]
    batch = [ops.ModifyTableOps(table.name, created)] if created else []
    create = ops.CreateTableOp.from_table(table)
    create.columns = [part for part in create.columns if getattr(part, "name", None) not in omitted]
    return [create, *batch]


def _names_in(step: ops.MigrateOperation) -> Iterator[str]:
    """Yield the name of the column, index or constraint that a step adds."""
    if isinstance(step, ops.AddColumnOp):
        yield step.column.name
    if isinstance(step, ops.CreateIndexOp):
        yield str(step.index_name)
    if isinstance(step, ops.AddConstraintOp):
        yield str(step.to_constraint().name)


def _altering(old: Table, new: Table, columns: Mapping[str, str], renames: Renames) -> list[Step]:
    """Return the steps on a table. The renames were carried out before them."""
    had = {_signature(part, columns, renames): part for part in parts_of(old)}
    wanted = {_signature(part, {}, Renames()): part for part in parts_of(new)}
    added = [part for signature, part in wanted.items() if signature not in had]
    found = [_dropping(part, new.name) for signature, part in had.items() if signature not in wanted]
    for column in old.c:
        if columns[column.name] not in new.c:
            found.append(ops.DropColumnOp.from_column_and_tablename(None, new.name, column))
        else:
            found += _altering_column(column, new.c[columns[column.name]])
    found += [_adding_column(column) for column in new.c if column.name not in columns.values()]
    found += map(adding, added)
    # A renamed constraint is dropped and added again, so that there is nothing to check.
    unnamed = {signature[1:] for signature in had}
    narrower = [part for part in added if _signature(part, {}, Renames())[1:] not in unnamed]
    steps: list[Step] = [*filling(old, new, columns), *([ops.ModifyTableOps(new.name, found)] if found else [])]
    return [*code_of(new, guards_of(old, new, columns, narrower)), *steps]


def parts_of(table: Table) -> list[Index | Constraint]:
    """Return the indexes and constraints, except the primary key."""
    kinds = (UniqueConstraint, ForeignKeyConstraint, CheckConstraint)
    constraints = [found for found in table.constraints if isinstance(found, kinds) and found.name]
    return [*sorted(table.indexes, key=_name), *sorted(constraints, key=_name)]


def _name(part: Index | Constraint) -> str:
    return str(part.name)


def _signature(part: Index | Constraint, columns: Mapping[str, str], renames: Renames) -> tuple[object, ...]:
    """Return what two versions of an index or a constraint have in common if there is nothing to change."""
    if isinstance(part, CheckConstraint):
        return _name(part), re.sub(r"\w+", lambda word: columns.get(word[0], word[0]), str(part.sqltext))
    found: tuple[object, ...] = (_name(part), *(columns.get(name, name) for name in columns_of(part)))
    if isinstance(part, Index):
        return (*found, part.unique)
    if isinstance(part, ForeignKeyConstraint):
        target = part.elements[0].target_fullname.rpartition(".")[0]
        return (*found, renames.tables.get(target, target), part.ondelete)
    return found


def columns_of(part: Index | Constraint) -> list[str]:
    """Return the columns of an index or a constraint; expressions of an index as SQL."""
    if isinstance(part, Index):
        return [item.name if isinstance(item, Column) else str(item) for item in part.expressions]
    kinds = (UniqueConstraint, ForeignKeyConstraint)
    return [column.name for column in part.columns] if isinstance(part, kinds) else []


def _dropping(part: Index | Constraint, table: str) -> ops.MigrateOperation:
    operation: ops.DropIndexOp | ops.DropConstraintOp
    if isinstance(part, Index):
        operation = ops.DropIndexOp.from_index(part)
    else:
        operation = ops.DropConstraintOp.from_constraint(part)
    operation.table_name = table
    return operation


def adding(part: Index | Constraint) -> ops.MigrateOperation:
    """Return the operation that adds an index or a constraint."""
    if isinstance(part, Index):
        return ops.CreateIndexOp.from_index(part)
    return ops.AddConstraintOp.from_constraint(part)


def _adding_column(column: Column[object]) -> ops.MigrateOperation:
    """Add a column. Without a value for the rows that exist, as in a downgrade, it has to be nullable."""
    operation = ops.AddColumnOp.from_column(column)
    if not column.nullable and column.server_default is None:
        operation.column = operation.column._copy()  # noqa: SLF001 - the public method is deprecated
        operation.column.nullable = True
    return operation


def _altering_column(old: Column[object], new: Column[object]) -> Iterator[ops.MigrateOperation]:
    changes = ops.AlterColumnOp(
        new.table.name,
        new.name,
        existing_type=old.type,
        existing_nullable=old.nullable,
        existing_server_default=old.server_default,
        modify_type=new.type if _types(old) != _types(new) else None,
        modify_nullable=new.nullable if old.nullable != new.nullable else None,
        modify_server_default=new.server_default if default_of(old) != default_of(new) else False,
    )
    if changes.has_changes():
        yield changes


def _types(column: Column[object]) -> list[str]:
    return [column.type.compile(dialect=dialect) for dialect in _DIALECTS]


def _renaming_key(old: Table, new: Table) -> list[Step]:
    """Rename the primary key on PostgreSQL, where a new table of the old name would need its name."""
    if old.primary_key.name == new.primary_key.name:
        return []
    names = f'ALTER TABLE "{new.name}" RENAME CONSTRAINT "{old.primary_key.name}" TO "{new.primary_key.name}"'
    return [f"if op.get_context().dialect.name == \"postgresql\":\n    op.execute('{names}')"]
