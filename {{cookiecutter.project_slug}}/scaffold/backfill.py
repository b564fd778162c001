"""Steps of a migration that make slugs for existing rows."""

from collections.abc import Iterable

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Column, Table

from scaffold.field import Field
from scaffold.resource import Resource
from scaffold.unique import Unique

Steps = list[ops.MigrateOperation]


class FillSlugs(ops.MigrateOperation):
    """Call `fill_slugs` for a column."""

    def __init__(self, table: Table, field: Field, within: list[str]) -> None:
        self.arguments = f'op.get_bind(), "{table.name}", "{field.column}", source="{field.source}"'
        self.arguments += f", length={field.length}{f', within={within}' if within else ''}"


@renderers.dispatch_for(FillSlugs)
def _render(_: AutogenContext, step: FillSlugs) -> list[str]:
    return ["", f"fill_slugs({step.arguments})", ""]


def with_filled_slugs(table: Table, added: Steps, resource: Resource, slugs: Iterable[Field]) -> Steps:
    """Return the steps that add columns to a table; those of slugs are NULL until each row has one.

    `added` are the operations that would add them at once.
    """
    first: Steps = []
    fills: Steps = []
    rest: Steps = []
    made = {field.column: field for field in slugs}
    for step in added:
        name = step.column.name if isinstance(step, ops.AddColumnOp) else None
        if not isinstance(step, ops.AddColumnOp) or name not in made:
            (first if isinstance(step, ops.AddColumnOp) else rest).append(step)
            continue
        kind, field = step.column.type, made[name]
        first.append(ops.AddColumnOp(table.name, Column(name, kind, nullable=True)))
        fills.append(FillSlugs(table, field, resource.scope_of(Unique(resource, (field,)))))
        alter = ops.AlterColumnOp(table.name, name, existing_type=kind, existing_nullable=True, modify_nullable=False)
        rest.append(alter)
    return [ops.ModifyTableOps(table.name, first), *fills, ops.ModifyTableOps(table.name, rest)]
