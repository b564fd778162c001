"""Changes in two migrations, so that the old release and the new one run side by side in between.

The expand step comes before the new release, the contract step when the old release has ended. On PostgreSQL, a
trigger keeps both columns of a renamed field equal. On SQLite, the expand step renames: no two releases share its file.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import indent

from alembic.operations import ops
from sqlalchemy import CheckConstraint, Column, FetchedValue, Table

from app.database.revisions import CONTRACT_FOLDER
from scaffold.field import Field
from scaffold.guards import literal
from scaffold.resource import Resource
from scaffold.table_changes import Renames, Step, Tables, adding, columns_of, parts_of

Code = tuple[str, str]
"""Code of an upgrade and of a downgrade."""
MAX_IDENTIFIER = 60

_FUNCTION = '''op.execute("""
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'UPDATE' AND NEW."{new}"::text IS DISTINCT FROM OLD."{new}"::text THEN
            NEW."{old}" := NEW."{new}";
        ELSIF TG_OP = 'INSERT' AND NEW."{old}" IS NULL THEN -- only the new column has a default
            NEW."{old}" := NEW."{new}";
        ELSE
            NEW."{new}" := NEW."{old}";
        END IF;
        RETURN NEW;
    END $$
""")
op.execute("""
    CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON "{table}"
        FOR EACH ROW EXECUTE FUNCTION {name}()
""")'''
_NO_FUNCTION = """op.execute('DROP TRIGGER {name} ON "{table}"')
op.execute("DROP FUNCTION {name}()")"""


def rename_errors(resource: Resource, field: Field) -> list[str]:
    """Return why a field can't be renamed in two steps."""
    if field.type == "many":
        return [f"{field.name} is a table of its own, which has one name: leave out --expand"]
    if field.has_nullable_default:
        return [
            f"{field.name} is optional and has a default, so a trigger can't tell null from omitted: leave out --expand"
        ]
    if _is_constrained(resource, field):
        return [f"{field.name} is compared or unique, and each release knows another constraint: leave out --expand"]
    return []


def removal_errors(resource: Resource, field: Field) -> list[str]:
    """Return why a field can't be removed in two steps: the new release inserts rows without it."""
    if field.type == "many" or (field.optional and field.default_text is None):
        return []
    if _is_constrained(resource, field):
        return [f"{field.name} is compared or unique, so new rows can't have one default: leave out --expand"]
    if field.default_text is None:
        how = f"`app change field {resource.name} {field.name}:{field.type}:default=…`"
        return [f"new rows need a {field.name} while the old release reads them: first give it a default by {how}"]
    return []


def waiting_errors(root: Path, before: Resource, after: Resource | None) -> list[str]:
    """Return why a resource can't change, or be deleted, before a contract step that is waiting."""
    renamed = after is None or after.plural != before.plural
    changed = set(before.fields) ^ set(after.fields if after else ())
    errors = []
    for path in sorted((root / "migrations" / CONTRACT_FOLDER).glob("*.py")):
        words = _names_in(path.read_text(encoding="utf-8").partition("\nincompatible = ")[2])
        tables = {before.plural, *before.tables_of(changed)} if renamed else set(before.tables_of(changed))
        columns = [item.column for item in changed if item.type != "many" and before.plural in words]
        if words & {*tables, *columns}:
            step = path.relative_to(root).as_posix()
            errors.append(f"{step} still uses it: run `app db contract` first, when the previous release has ended")
    return errors


def _names_in(code: str) -> set[str]:
    """Return the names in the texts of a migration; of those in SQL only the quoted ones."""
    found = [node.value for node in ast.walk(ast.parse(f"incompatible = {code}")) if isinstance(node, ast.Constant)]
    texts = [value for value in found if isinstance(value, str)]
    return {name for text in texts for name in re.findall(r'"(\w+)"' if '"' in text else r"\w+", text)}


def _is_constrained(resource: Resource, field: Field) -> bool:
    compared = any(field.name in {item.name for item in found.fields} for found in resource.comparisons)
    return compared or any(field.column in unique.columns for unique in resource.uniques)


def expanded(
    before: Tables, after: Tables, renames: Renames, plain: Code, code: Callable[[Sequence[Step]], str]
) -> Iterator[tuple[str, str, str]]:
    """Yield the steps, with the code of their upgrades and downgrades. `plain` is that of the change at once."""
    if not renames.columns:
        yield "contract", *plain
        return
    (((table, old), new),) = renames.columns.items()
    name = f"sync_{table}_{new}"[:MAX_IDENTIFIER]
    names = {"name": name, "table": table, "old": old, "new": new}
    start, end = _FUNCTION.format(**names), _NO_FUNCTION.format(**names)
    default = after[table].c[new].server_default
    add_new, add_old = code(_twin(after[table], new, old, default)), code(_twin(before[table], old, new))
    drop_new, drop_old = (f'op.drop_column("{table}", "{column}")' for column in (new, old))
    without, with_default = (code(_default(before[table].c[old], has=has)) for has in (False, True))
    up, down = f"{add_new}\n{without}\n{start}", f"{end}\n{drop_new}\n{with_default}"
    yield "expand", _branches(up, plain[0]), _branches(down, plain[1])
    yield "contract", _branches(f"{end}\n{drop_old}"), _branches(f"{add_old}\n{start}")


def _twin(table: Table, name: str, source: str, default: FetchedValue | None = None) -> list[Step]:
    """Return the steps that add a column with the values of another one, its indexes and its constraints."""
    column = table.c[name]
    added = Column(name, column.type, server_default=default, nullable=True)
    steps: list[Step] = [ops.ModifyTableOps(table.name, [ops.AddColumnOp(table.name, added)])]
    copying = f'UPDATE "{table.name}" SET "{name}" = "{source}"'  # noqa: S608 - the models' names
    steps.append(f"op.execute({literal(copying)})")
    rest: list[ops.MigrateOperation] = []
    if not column.nullable:
        rest.append(
            ops.AlterColumnOp(
                table.name, name, existing_type=column.type, existing_nullable=True, modify_nullable=False
            )
        )
    for part in parts_of(table):
        used = re.findall(r"\w+", str(part.sqltext)) if isinstance(part, CheckConstraint) else columns_of(part)
        if name in used:
            rest.append(adding(part))
    return [*steps, *([ops.ModifyTableOps(table.name, rest)] if rest else [])]


def _default(column: Column[object], *, has: bool) -> list[Step]:
    """Return the steps that set the default of a column, or drop it."""
    if column.server_default is None:
        return []
    alter = ops.AlterColumnOp(
        column.table.name,
        column.name,
        existing_type=column.type,
        existing_nullable=column.nullable,
        modify_server_default=column.server_default if has else None,
    )
    return [ops.ModifyTableOps(column.table.name, [alter])]


def _branches(postgresql: str, sqlite: str = "") -> str:
    found = f'if op.get_context().dialect.name == "postgresql":\n{indent(postgresql.strip(), "    ")}'
    return f"{found}\nelse:\n{indent(sqlite, '    ')}" if sqlite else found
