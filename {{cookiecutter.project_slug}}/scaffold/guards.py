"""Checks at the start of a migration that narrows a column or adds a constraint: no row may violate it."""

import re
from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import BigInteger, CheckConstraint, Column, Constraint, Enum, Index, Integer, Table, UniqueConstraint

from scaffold.names import words

INT = 2**31
MAX_LITERAL = 100  # a line has 120 characters, and guards are indented

Guard = tuple[str, str]
"""What is wrong with rows, and the statement that counts them."""


def guards_of(old: Table, new: Table, columns: Mapping[str, str], added: Iterable[Index | Constraint]) -> list[Guard]:
    """Return the checks before one table changes into another. `columns` maps its old columns to the new ones."""
    pairs = [(column, new.c[columns[column.name]]) for column in old.c if columns[column.name] in new.c]
    found = [guard for before, after in pairs for guard in _narrowing(before, after)]
    unfilled = {column.name for column in new.c} - {*columns.values()}
    for part in added:
        if isinstance(part, UniqueConstraint) and {column.name for column in part.columns} <= {*columns.values()}:
            found.append(_repeating(new, [column.name for column in part.columns]))
        if isinstance(part, CheckConstraint) and not {*re.findall(r"\w+", str(part.sqltext))} & unfilled:
            found.append((f"violate {part.name}", _counting(new, f"NOT ({part.sqltext})")))
    return found


def code_of(table: Table, guards: Iterable[Guard]) -> list[str]:
    """Return the code that fails if there are such rows."""
    lines = [f"({literal(problem)}, {literal(statement)})," for problem, statement in guards]
    if not lines:
        return []
    return [
        "for problem, statement in (\n" + "\n".join(lines) + "\n):\n"
        "    if count := op.get_bind().scalar(sa.text(statement)):\n"
        f'        message = f"{{count}} {words(table.name)} {{problem}}: change them first; nothing was changed"\n'
        "        raise CommandError(message)"
    ]


def filling(old: Table, new: Table, columns: Mapping[str, str]) -> Iterator[str]:
    """Yield the code that gives rows without a value the default of a column that is no longer optional."""
    for column in old.c:
        after = new.c.get(columns[column.name])
        if after is not None and column.nullable and not after.nullable and default_of(after) is not None:
            statement = f'UPDATE "{new.name}" SET "{after.name}" = {default_of(after)} WHERE "{after.name}" IS NULL'  # noqa: S608 - the models' names
            yield f"op.execute({literal(statement)})"


def literal(text: str) -> str:
    """Return a text as a Python expression, on several lines if it is long."""
    lines = [""]
    for word in re.findall(r"\S+\s*", text):
        if len(repr(lines[-1] + word)) > MAX_LITERAL:
            lines.append("")
        lines[-1] += word
    return repr(text) if len(lines) == 1 else "(" + "\n".join(map(repr, lines)) + ")"


def default_of(column: Column[object]) -> str | None:
    """Return the default of a column in SQL."""
    argument = getattr(column.server_default, "arg", None)
    if isinstance(argument, str):
        return "'" + argument.replace("'", "''") + "'"
    return None if argument is None else str(argument)


def _narrowing(old: Column[object], new: Column[object]) -> Iterator[Guard]:
    """Yield what values of a column must not be."""
    name, shown = f'"{new.name}"', words(new.name)
    if old.nullable and not new.nullable and new.server_default is None:
        yield f"have no {shown}", _counting(new.table, f"{name} IS NULL")
    if isinstance(new.type, Enum):
        values = ", ".join("'" + value.replace("'", "''") + "'" for value in new.type.enums)
        if not isinstance(old.type, Enum) or {*old.type.enums} - {*new.type.enums}:
            yield f"have another {shown} than {values}", _counting(new.table, f"{name} NOT IN ({values})")
        return
    length, most = (getattr(column.type, "length", None) for column in (old, new))
    if most is not None and (length is None or length > most):
        yield f"have a {shown} of more than {most} characters", _counting(new.table, f"length({name}) > {most}")
    if isinstance(old.type, BigInteger) and isinstance(new.type, Integer) and not isinstance(new.type, BigInteger):
        too_large = f"{name} NOT BETWEEN {-INT} AND {INT - 1}"
        yield f"have a {shown} that doesn't fit into 32 bits", _counting(new.table, too_large)


def _repeating(table: Table, names: list[str]) -> Guard:
    columns = ", ".join(f'"{name}"' for name in names)
    filled = [f'"{name}" IS NOT NULL' for name in names if table.c[name].nullable]
    rows = f'"{table.name}" WHERE {" AND ".join(filled)}' if filled else f'"{table.name}"'
    same = f"SELECT 1 FROM {rows} GROUP BY {columns} HAVING count(*) > 1"  # noqa: S608 - the models' names
    what = " and ".join(words(name) for name in names if name != "owner_id")
    return f"have the same {what}", f"SELECT count(*) FROM ({same}) AS repeated"  # noqa: S608 - the models' names


def _counting(table: Table, condition: str) -> str:
    return f'SELECT count(*) FROM "{table.name}" WHERE {condition}'  # noqa: S608 - the models' names
