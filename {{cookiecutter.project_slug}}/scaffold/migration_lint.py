"""`app db lint`: find migrations that lock tables for long, or that the previous release can't run with.

They are read, not executed, because a migration may ask the database what to do.
"""

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from alembic.script import Script, ScriptDirectory

from scaffold.migration_rules import Effect, Step, effects_of, effects_of_sql

ACCEPT = """Change these migrations, or accept what they do next to `revision`: by `locks = True` that others wait, by
`incompatible = True` that the previous release can't run on the new schema. `online` is app/database/online.py."""


class Finding(NamedTuple):
    """A step of a migration, and what it does."""

    path: Path
    line: int
    step: str
    effect: Effect

    def __str__(self) -> str:
        place = f"migrations/versions/{self.path.name}:{self.line}"
        return f"{place}: {self.step}: {self.effect.problem}.\n    Instead, {self.effect.instead}."


def lint(migrations: Path, since: str | None = None) -> list[Finding]:
    """Check the migrations in a folder, or those after a revision.

    Raises:
        alembic.util.CommandError: there is no such revision.
    """
    scripts = ScriptDirectory(str(migrations))
    last = scripts.get_revision(since) if since else None
    old = {script.revision for script in scripts.iterate_revisions(last.revision, "base")} if last else set()
    new = [script for script in scripts.walk_revisions() if script.revision not in old]
    return [finding for script in reversed(new) for finding in lint_script(script)]


def lint_script(script: Script) -> list[Finding]:
    """Return what a migration does and doesn't say."""
    found = findings_of(Path(script.path), vars(script.module))
    return [finding for finding in found if not getattr(script.module, finding.effect.marker, False)]


def findings_of(path: Path, module: Mapping[str, Any]) -> list[Finding]:
    """Return what a migration does. Steps on tables that it creates itself affect nobody."""
    reader = _Reader(module)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not (isinstance(node, ast.FunctionDef) and node.name == "downgrade"):
            reader.visit(node)
    found = []
    for line, step, effects in reader.steps:
        if step.table not in reader.created:
            shown = f"{step.name} on {step.table}" if step.table else step.name
            found += [Finding(path, line, shown, effect) for effect in effects]
    return found


class _Reader(ast.NodeVisitor):
    """Collects the steps of an upgrade on PostgreSQL, and the tables that it creates."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self.module = module
        self.created: set[str] = set()
        self.steps: list[tuple[int, Step, list[Effect]]] = []
        self._batches: dict[str, str] = {}

    def visit_If(self, node: ast.If) -> None:
        """Leave out what is only for SQLite."""
        test = ast.unparse(node.test)
        body, otherwise = node.body, node.orelse
        if "dialect" in test and ("sqlite" in test or "postgresql" in test):
            is_postgresql = ("postgresql" in test) == ("==" in test)
            body, otherwise = (body, []) if is_postgresql else ([], otherwise)
        for statement in [*body, *otherwise]:
            self.visit(statement)

    def visit_With(self, node: ast.With) -> None:
        """Remember the table of `with op.batch_alter_table(…) as batch_op`."""
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and isinstance(item.optional_vars, ast.Name) and call.args:
                self._batches[item.optional_vars.id] = _text(call.args[0])
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Read a step."""
        self.generic_visit(node)
        options = {item.arg: item.value for item in node.keywords if item.arg}
        match node.func:
            case ast.Attribute(value=ast.Name(id="op"), attr="execute") if node.args:
                step = Step("execute", _table_of_sql(_text(node.args[0])), node.args, options, self.module)
                self.steps.append((node.lineno, step, [*effects_of_sql(_text(node.args[0]))]))
            case ast.Attribute(value=ast.Name(id="op"), attr=name):
                self._add(node, name, *_split(name, node.args, options), options)
            case ast.Attribute(value=ast.Name(id=batch), attr=name) if batch in self._batches:
                self._add(node, name, self._batches[batch], node.args, options)
            case ast.Name(id="fill_slugs"):
                self._add(node, "fill_slugs", _text(node.args[1]), node.args, options)

    def _add(self, node: ast.Call, name: str, table: str, arguments: list[ast.expr], options: dict[str, Any]) -> None:
        if name == "create_table":
            self.created.add(table)
        step = Step(name, table, arguments, options, self.module)
        self.steps.append((node.lineno, step, [*effects_of(step)]))


def _split(name: str, arguments: list[ast.expr], options: Mapping[str, ast.expr]) -> tuple[str, list[ast.expr]]:
    """Return the table of an operation and its other arguments: constraints and indexes have their name first."""
    place = 1 if re.match("create_(?!table)|drop_constraint|drop_index", name) else 0
    if len(arguments) > place:
        return _text(arguments[place]), arguments[:place] + arguments[place + 1 :]
    table = options.get("table_name") or options.get("source_table")
    return _text(table) if table else "", arguments


def _text(node: ast.expr) -> str:
    """Return the constant parts of a text."""
    found = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return "".join(found)


def _table_of_sql(statement: str) -> str:
    found = re.search(r'(?:\bON|TABLE|UPDATE|FROM)\s+(?:IF EXISTS\s+|ONLY\s+)*"?(\w+)', statement, re.IGNORECASE)
    return found[1] if found else ""
