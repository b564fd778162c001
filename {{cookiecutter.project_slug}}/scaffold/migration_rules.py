"""What steps of a migration do to a release that is running, and what to write instead."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

INCOMPATIBLE, LOCKS = "incompatible", "locks"
"""Variables of a migration that say so: the previous release fails on the new schema, others wait meanwhile."""


class Effect(NamedTuple):
    """What a step does."""

    marker: str
    problem: str
    instead: str


@dataclass(frozen=True)
class Step:
    """A call of an operation, such as `op.create_index(…)`."""

    name: str
    table: str
    arguments: list[ast.expr]
    """Without the table."""
    options: Mapping[str, ast.expr]
    module: Mapping[str, Any]
    """The migration's names, to read types."""

    def is_set(self, option: str) -> bool:
        """Return whether an option is True."""
        return getattr(self.options.get(option), "value", None) is True

    def type_of(self, option: str) -> TypeEngine[Any] | None:
        """Return the type that an option has, if it can be read."""
        if (node := self.options.get(option)) is None:
            return None
        code = compile(ast.Expression(node), "<migration>", "eval")
        found = eval(code, dict(self.module))  # noqa: S307 - the project's own code
        return found if isinstance(found, TypeEngine) else found()


_EXPAND = "first deploy a release without it (`app remove field … --expand` writes both steps)"
_RENAME = "add the new name, fill it, and drop the old one in a later release (`app rename field … --expand`)"
_BUILDS = "writes wait until the index is built"
_CHECKS = "reads and writes wait until all rows are checked"
_NOT_VALID = "add it with `postgresql_not_valid=True`; then, call `online.validate_constraint(name, table)`"

_SIMPLE = {
    "drop_table": Effect(INCOMPATIBLE, "the previous release still uses it", _EXPAND),
    "drop_column": Effect(INCOMPATIBLE, "the previous release still uses it", _EXPAND),
    "rename_table": Effect(INCOMPATIBLE, "the previous release uses the old name", "create a view with the old name"),
    "create_index": Effect(LOCKS, _BUILDS, "call `online.create_index(name, table, columns)`"),
    "create_unique_constraint": Effect(LOCKS, _BUILDS, "call `online.create_unique_constraint(name, table, columns)`"),
    "create_check_constraint": Effect(LOCKS, _CHECKS, _NOT_VALID),
    "create_foreign_key": Effect(LOCKS, "writes to both tables wait until all rows are checked", _NOT_VALID),
    "create_primary_key": Effect(LOCKS, _BUILDS, "create a unique index first, and use it (`USING INDEX`)"),
    "create_exclude_constraint": Effect(LOCKS, _BUILDS, "create the table with it"),
    "fill_slugs": Effect(LOCKS, "changed rows stay locked until it ends", "fill them in batches: in a job"),
}
_ONLINE_OPTIONS = {"postgresql_concurrently", "postgresql_not_valid"}

_SQL = (
    (r"DROP\s+(TABLE|COLUMN|VIEW)", _SIMPLE["drop_table"]),
    (r"\bRENAME\s+(TO|COLUMN)\b", _SIMPLE["rename_table"]),
    (r"CREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)", _SIMPLE["create_index"]),
    (r"ADD\s+CONSTRAINT(?!.*(NOT\s+VALID|USING\s+INDEX))", _SIMPLE["create_check_constraint"]),
    (r"SET\s+NOT\s+NULL", Effect(LOCKS, _CHECKS, "call `online.set_not_null(table, column)`")),
    (
        r"^\s*(UPDATE|DELETE\s+FROM)\b",
        Effect(LOCKS, "changed rows stay locked until the migration ends", "change them in batches: in a job"),
    ),
    (r"^\s*(TRUNCATE|LOCK|CLUSTER|VACUUM\s+FULL|REINDEX)\b", Effect(LOCKS, "reads and writes wait", "leave it out")),
)
_VOLATILE = r"random|gen_|clock_timestamp|nextval|uuid"


def effects_of(step: Step) -> Iterator[Effect]:
    """Yield what a step does to other transactions and to the previous release."""
    if step.name in _SIMPLE and not any(map(step.is_set, _ONLINE_OPTIONS)):
        yield _SIMPLE[step.name]
    if step.name == "add_column":
        yield from _adding(step)
    if step.name == "alter_column":
        yield from _altering(step)


def effects_of_sql(statement: str) -> Iterator[Effect]:
    """Yield what an SQL statement does."""
    return (effect for pattern, effect in _SQL if re.search(pattern, statement, re.IGNORECASE | re.DOTALL))


def _adding(step: Step) -> Iterator[Effect]:
    column = step.arguments[0] if step.arguments else None
    options = {item.arg: item.value for item in getattr(column, "keywords", [])}
    default = options.get("server_default")
    if getattr(options.get("nullable"), "value", None) is False and default is None:
        instead = "give it a `server_default`, or make it nullable until all rows have a value"
        yield Effect(INCOMPATIBLE, "the previous release inserts rows without it", instead)
    text = ast.unparse(column) if column else ""
    if "Computed(" in text or "Identity(" in text or (default and re.search(_VOLATILE, ast.unparse(default))):
        yield Effect(LOCKS, "reads and writes wait until all rows are rewritten", "add it nullable, and fill it")


def _altering(step: Step) -> Iterator[Effect]:
    if "new_column_name" in step.options:
        yield Effect(INCOMPATIBLE, "the previous release uses the old name", _RENAME)
    if getattr(step.options.get("nullable"), "value", None) is False:
        yield Effect(LOCKS, _CHECKS, "call `online.set_not_null(table, column)`")
    if "type_" in step.options:
        old, new = step.type_of("existing_type"), step.type_of("type_")
        if not _is_wider(_sql(old), _sql(new)):
            yield Effect(LOCKS, "reads and writes wait until all rows are rewritten", "add a column of the new type")


def _sql(kind: TypeEngine[Any] | None) -> str:
    return kind.compile(dialect=postgresql.dialect()) if kind else ""  # type: ignore[no-untyped-call]


def _is_wider(old: str, new: str) -> bool:
    """Return whether PostgreSQL changes a type without reading the rows. https://www.postgresql.org/docs/current/"""
    if old == new or (old.startswith("VARCHAR") and new in {"TEXT", "VARCHAR"}):
        return True
    before, after = (re.fullmatch(r"(VARCHAR|NUMERIC)\((\d+)(?:, (\d+))?\)", kind) for kind in (old, new))
    return bool(
        before and after and before[1] == after[1] and before[3] == after[3] and int(before[2]) <= int(after[2])
    )
