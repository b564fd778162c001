"""Parse command-line arguments to a `Resource`, or collect all errors with suggestions.

    app new resource Book title:str=200:unique price:decimal=10,2:optional author:ref=Author

A field is `name:kind`, with `=` and `,` for what the kind needs, and `:` before each modifier: nothing that a shell
would take for its own.
"""

import difflib
import keyword
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from app.database.base import Base, Owned, Record
from scaffold.field_types import FIELD_TYPES
from scaffold.names import (
    IDENTIFIER_LENGTH,
    NAME_LENGTH,
    NAME_MARK,
    SQL_WORDS,
    Names,
    camel,
    problems_of_plural,
    problems_of_resource,
    snake,
)
from scaffold.plurals import plural
from scaffold.resource import Field, Resource, Target, title_of

ACCESSES = ("owned", "shared", "public", "admin")
FLAGS = ("optional", "unique", "index", "search", "title")
UNTITLED = ("bool", "json", "list", "ref", "many")
VALUES = ("default", "min", "max", "on_delete")
ON_DELETE = ("restrict", "cascade", "null")

_ATTRIBUTES = {"default": "default_text", "min": "low", "max": "high"}

FindTarget = Callable[[str], Target | None]

# Words that would hide what the lines below them in the same class need.
_HIDING = frozenset({"bool", "dict", "dt", "false", "float", "int", "l", "list", "mapped_column", "relationship"})
_HIDING |= {"kwargs", "property", "self", "str", "true", "unset"}
_LISTS = frozenset({"cursor", "limit", "q", "sort"})


class ScaffoldError(ValueError):
    """What is wrong with a command line."""

    def __init__(self, found: Iterable[str]) -> None:
        self.found = list(dict.fromkeys(found))
        super().__init__("\n".join(self.found))


def parse_resource(  # noqa: PLR0913 - the options of the command
    name: str, specs: Sequence[str], find: FindTarget, *, access: str = "owned", plural_given: str | None = None,
    pages: bool = True, admin: bool = True, commands: Sequence[tuple[str, ...]] = (),
) -> Resource:  # fmt: skip
    """Read a command line.

    Raises:
        Problems: all that is wrong with it.
    """
    problems = problems_of_resource(name, plural_given)
    many = plural_given or plural(snake(name))
    if not problems:
        problems += problems_of_plural(name, many)
    if access not in ACCESSES:
        problems.append(f"--access {access}: {nearest(access, ACCESSES)}")
    names = Names(name, many)
    fields, wrong = parse_fields(names, specs, find, access)
    if not specs:
        wrong.append(f"{name} needs at least one field, for example title:str=200")
    if problems or wrong:
        raise ScaffoldError([*problems, *wrong])
    known = tuple(_know_oneself(field, fields, pages=pages, admin=admin) for field in fields)
    return Resource(name, many, access, known, pages, admin, tuple(commands))


def parse_fields(names: Names, specs: Sequence[str], find: FindTarget, access: str) -> tuple[list[Field], list[str]]:
    """Read the fields; return those that are well, and what is wrong with the others."""
    fields: list[Field] = []
    problems: list[str] = []
    for spec in specs:
        field, wrong = _parse_field(names, spec, find, access)
        problems += [f"{spec}: {problem}" for problem in wrong]
        if field is not None and not wrong:
            fields.append(field)
    return fields, problems + _problems_together(names, fields)


def _know_oneself(field: Field, fields: list[Field], *, pages: bool, admin: bool) -> Field:
    if not field.is_self:
        return field
    return replace(field, target=replace(field.target, pages=pages, admin=admin, title_field=title_of(tuple(fields))))


def _problems_together(names: Names, fields: list[Field]) -> list[str]:
    """Say what is wrong with fields that are well one by one."""
    taken = [name for field in fields for name in {field.name, field.column}]
    taken += [f"unique_{field.name}" for field in fields if field.unique]  # the constraint
    problems = [f"duplicate field {name}" for name in sorted(set(taken)) if taken.count(name) > 1]
    aliases = [field.alias for field in fields if field.has_alias] + [
        field.enum_name.replace(NAME_MARK, "") for field in fields if field.args and field.kind == "enum"
    ]
    problems += [
        f"two fields would both define the type {name}: rename one"
        for name in sorted(set(aliases))
        if aliases.count(name) > 1
    ]
    titles = [field.name for field in fields if field.title]
    if len(titles) > 1:
        problems.append(f"{' and '.join(titles)} are both marked as title: only one field can be the title")
    for field in fields:
        longest = max((len(name) for name in _identifiers(names, field)), default=0)
        if longest > IDENTIFIER_LENGTH:
            problems.append(
                f"{field.name}: its database identifier would have {longest} characters, which is more than"
                f" {IDENTIFIER_LENGTH}: shorten it, or the resource"
            )
    return problems


def _identifiers(names: Names, field: Field) -> list[str]:
    """Return the names in the database that hold the field's name."""
    found = [f"ix_{names.plural}_owner_id_{field.column}_id"] if field.filtered or field.unique else []
    if field.kind == "ref":
        found.append(f"fk_{names.plural}_{field.column}_{field.target.plural}")
    if field.kind == "many":
        table = f"{names.plural}_{field.name}"
        found.append(f"fk_{table}_{field.target.snake}_id_{field.target.plural}")
        found.append(f"fk_{table}_{names.snake}_id_{names.plural}")
    return found


def _parse_field(names: Names, spec: str, find: FindTarget, access: str) -> tuple[Field | None, list[str]]:
    name, *parts = spec.split(":")
    problems = _problems_of_field_name(name)
    if not parts or not parts[0]:
        hint = f"{name}:str" if not problems else "title:str"
        return None, [f"a field needs a type: {hint}. If your shell splits arguments at commas, quote the field"]
    kind, equals, arguments = parts[0].partition("=")
    if kind not in FIELD_TYPES:
        return None, [*problems, f"{kind or 'nothing'} is not a field type: {nearest(kind, FIELD_TYPES)}"]
    field = Field(names, name, kind, tuple(arguments.split(",")) if equals else ())
    if field.args and not field.row.arguments:
        problems.append(f"{kind} doesn't take an argument")
    field, wrong = _modified(field, parts[1:])
    if kind in {"ref", "many"}:
        field, more = _referring(field, find, access)
        wrong += more
    if not wrong and not problems:
        wrong += field.row.problems_of(field) or _problems_of_default(field)
        if field.filtered and field.column in _LISTS:
            wrong.append(f"{name} is a reserved query parameter: rename the field")
    return field, problems + wrong


def _problems_of_default(field: Field) -> list[str]:
    try:
        _ = field.default
    except ValueError as error:
        return [str(error)]
    return []


def _modified(field: Field, parts: Sequence[str]) -> tuple[Field, list[str]]:
    """Put the modifiers on a field."""
    given = [part.partition("=") for part in parts]
    names = [word for word, _, _ in given]
    problems = [f"duplicate modifier {word}" for word in dict.fromkeys(names) if names.count(word) > 1]
    changes: dict[str, Any] = {}
    for word, equals, value in given:
        problem = _problem_of_modifier(field, word, equals, value)
        if problem:
            problems.append(problem)
        else:
            changes[_ATTRIBUTES.get(word, word)] = True if word in FLAGS else value
    field = replace(field, **changes)
    return field, problems + _problems_of_pairs(field)


def _problem_of_modifier(field: Field, word: str, equals: str, value: str) -> str | None:
    allowed = [*field.row.modifiers.split(), *([] if field.kind in UNTITLED else ["title"])]
    if word not in FLAGS + VALUES:
        return f"{word or 'nothing'} is not a modifier: {nearest(word, FLAGS + VALUES)}"
    if word not in allowed:
        return f"{field.kind} doesn't support {word}; supported modifiers: {', '.join(allowed) or 'none'}"
    if word in FLAGS:
        return f"{word} doesn't take a value" if equals else None
    if not equals or (not value and word != "default"):
        return f"{word} needs a value: {word}=…"
    if word == "on_delete" and value not in ON_DELETE:
        return f"on_delete={value}: {nearest(value, ON_DELETE)}"
    return None


def _problems_of_pairs(field: Field) -> list[str]:
    problems: list[str] = []
    if field.optional and field.default_text is not None:
        problems.append("optional and default can't be combined")
    if field.on_delete == "null" and not field.optional:
        problems.append("on_delete=null requires optional")
    if field.unique and field.index:
        problems.append("unique already creates an index: remove index")
    if field.unique and field.default_text is not None:
        problems.append("a unique field can't have a default")
    return problems


def _referring(field: Field, find: FindTarget, access: str) -> tuple[Field, list[str]]:
    """Find what a reference names."""
    name = field.args[0] if field.args else camel(field.name)
    if len(field.args) > 1 or not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        return field, [f"specify one resource, for example {field.row.arguments}"]
    own = field.owner
    target = Target(own.name, own.plural, access) if name == own.name else find(name)
    if name == "User":
        return field, [
            "User is not a resource. Use --access owned to give rows an owner; write other references to users by hand"
        ]
    if target is None:
        return field, [f"resource {name} doesn't exist. Create it first: `app new resource {name} …`"]
    field = replace(field, target=target)
    return field, _problems_of_reference(field, target, access)


def _problems_of_reference(field: Field, target: Target, access: str) -> list[str]:
    problems: list[str] = []
    if field.is_self and field.kind == "many":
        problems.append("self-referencing many-to-many relations are not supported: write this one by hand")
    elif field.is_self and not field.optional:
        problems.append("a self-reference must be optional")
    if field.owner.plural in target.refers_to:
        problems.append(
            f"{target.name} already references {field.owner.name}, directly or indirectly: Python cannot import a"
            f" circle of models. Write this relation by hand, or keep the reference on one side only"
        )
    if target.access == "admin" and access != "admin":
        problems.append(f"{target.plural_words} are visible only to admins: use --access admin here too")
    if target.access == "owned" and access != "owned" and field.kind == "ref" and field.on_delete == "restrict":
        problems.append(
            f"{target.plural_words} are deleted with their owner: add on_delete=cascade, or optional and on_delete=null"
        )
    return problems


def _problems_of_field_name(name: str) -> list[str]:
    """Say what is wrong with the name of a field."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > NAME_LENGTH:
        hint = re.sub(r"[\W_]+", "_", snake(name)).strip("_")[:NAME_LENGTH]
        hint = hint if re.fullmatch(r"[a-z][a-z0-9_]*", hint) else "title"
        hint = f"{hint}_text" if _problems_of_field_name(hint) else hint
        return [f"invalid field name: use snake_case like {hint}, at most {NAME_LENGTH} characters"]
    if name in SQL_WORDS:
        return [f"{name} is a reserved word in SQL: use {name}_text or another name"]
    if keyword.iskeyword(name) or name in _HIDING:
        return [f"{name} is a reserved word in Python or in generated code: use {name}_text or another name"]
    if name in {"id", "version", "created_at", "updated_at", "owner", "owner_id"}:
        return [f"every resource already has the field {name}"]
    used = any(hasattr(parent, name) for parent in (Base, BaseModel, Owned, Record))
    if used or name.startswith(("model_dump", "model_validate")) or name in {"registry", "metadata"}:
        return [f"{name} is a reserved name: use {name}_text or another name"]
    return []


def nearest(word: str, options: Iterable[str]) -> str:
    """Say what could have been meant."""
    known = list(options)
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"
