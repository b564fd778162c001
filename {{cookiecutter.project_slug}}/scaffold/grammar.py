"""Parse command-line arguments to a `Resource`, or collect all errors with suggestions.

    app new resource Book title:str=200:unique price:decimal=10,2:optional author:ref=Author

A field is `name:type`, followed by `=` and arguments if the type takes any, and by `:` and each modifier. No part needs
quoting in a shell.
"""

import difflib
import keyword
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from app.database.base import Base, Owned, Record
from scaffold.field import Field, title_of
from scaffold.field_spec import Target
from scaffold.field_types import FIELD_TYPES
from scaffold.names import (
    IDENTIFIER_LENGTH,
    NAME_LENGTH,
    NAME_MARK,
    SQL_WORDS,
    Names,
    camel,
    plural_errors,
    resource_name_errors,
    snake,
)
from scaffold.plurals import plural
from scaffold.resource import Resource

ACCESSES = ("owned", "shared", "public", "admin")
FLAGS = ("optional", "unique", "index", "search", "title")
UNTITLED = ("bool", "json", "list", "ref", "many")
VALUES = ("default", "min", "max", "on_delete")
ON_DELETE = ("restrict", "cascade", "null")

FindTarget = Callable[[str], Target | None]

# Names that would shadow what later lines of the same class use.
_SHADOWING = frozenset({"bool", "dict", "dt", "false", "float", "int", "l", "list", "mapped_column", "relationship"})
_SHADOWING |= {"kwargs", "property", "self", "str", "true", "unset"}
_LIST_PARAMS = frozenset({"cursor", "limit", "q", "sort"})


class ScaffoldError(ValueError):
    """The command can't be carried out; nothing was changed."""

    def __init__(self, messages: Iterable[str]) -> None:
        self.messages = list(dict.fromkeys(messages))
        super().__init__("\n".join(self.messages))


def parse_resource(  # noqa: PLR0913 - the options of the command
    name: str, specs: Sequence[str], find: FindTarget, *, access: str = "owned", plural_given: str | None = None,
    pages: bool = True, admin: bool = True, commands: Sequence[tuple[str, ...]] = (),
) -> Resource:  # fmt: skip
    """Parse the arguments of `app new resource`.

    Raises:
        ScaffoldError: with every error in them.
    """
    many = plural_given or plural(snake(name))
    errors = resource_name_errors(name, plural_given) or plural_errors(name, many)
    if access not in ACCESSES:
        errors.append(f"--access {access}: {nearest(access, ACCESSES)}")
    fields, field_errors = parse_fields(Names(name, many), specs, find, access)
    errors += field_errors
    if not specs:
        errors.append(f"{name} needs at least one field, for example title:str=200")
    if errors:
        raise ScaffoldError(errors)
    known = tuple(_complete_self_reference(field, fields, pages=pages, admin=admin) for field in fields)
    return Resource(name, many, access, known, pages, admin, tuple(commands))


def parse_fields(names: Names, specs: Sequence[str], find: FindTarget, access: str) -> tuple[list[Field], list[str]]:
    """Parse fields. Returns the valid ones, and the errors in the others."""
    fields: list[Field] = []
    errors: list[str] = []
    for spec in specs:
        field, field_errors = _parse_field(names, spec, find, access)
        errors += [f"{spec}: {error}" for error in field_errors]
        if field is not None and not field_errors:
            fields.append(field)
    return fields, errors + _conflicts(names, fields)


def _complete_self_reference(field: Field, fields: list[Field], *, pages: bool, admin: bool) -> Field:
    if not field.is_self:
        return field
    return replace(field, target=replace(field.target, pages=pages, admin=admin, title_field=title_of(fields)))


def _conflicts(names: Names, fields: list[Field]) -> list[str]:
    """Return the errors in the combination of valid fields."""
    taken = [name for field in fields for name in {field.name, field.column}]
    taken += [f"unique_{field.name}" for field in fields if field.unique]  # the constraint
    errors = [f"duplicate field {name}" for name in sorted(set(taken)) if taken.count(name) > 1]
    types = [field.alias for field in fields if field.has_alias]
    types += [field.enum_name.replace(NAME_MARK, "") for field in fields if field.type == "enum"]
    errors += [
        f"two fields would both define the type {name}: rename one"
        for name in sorted(set(types))
        if types.count(name) > 1
    ]
    titles = [field.name for field in fields if field.title]
    if len(titles) > 1:
        errors.append(f"{' and '.join(titles)} are both marked as title: only one field can be the title")
    for field in fields:
        longest = max((len(name) for name in _identifiers(names, field)), default=0)
        if longest > IDENTIFIER_LENGTH:
            errors.append(
                f"{field.name}: its database identifier would have {longest} characters, which is more than"
                f" {IDENTIFIER_LENGTH}: shorten the name of the field or of the resource"
            )
    return errors


def _identifiers(names: Names, field: Field) -> list[str]:
    """Return the database identifiers that contain the field's name."""
    found = [f"ix_{names.plural}_owner_id_{field.column}_id"] if field.filtered or field.unique else []
    if field.type == "ref":
        found.append(f"fk_{names.plural}_{field.column}_{field.target.plural}")
    if field.type == "many":
        table = f"{names.plural}_{field.name}"
        found.append(f"fk_{table}_{field.target.snake}_id_{field.target.plural}")
        found.append(f"fk_{table}_{names.snake}_id_{names.plural}")
    return found


def _parse_field(names: Names, spec: str, find: FindTarget, access: str) -> tuple[Field | None, list[str]]:
    name, *parts = spec.split(":")
    errors = _field_name_errors(name)
    if not parts or not parts[0]:
        hint = f"{name}:str" if not errors else "title:str"
        return None, [f"a field needs a type: {hint}. If your shell splits arguments at commas, quote the field"]
    type_, equals, arguments = parts[0].partition("=")
    if type_ not in FIELD_TYPES:
        return None, [*errors, f"{type_ or 'nothing'} is not a field type: {nearest(type_, FIELD_TYPES)}"]
    field = Field(names, name, type_, tuple(arguments.split(",")) if equals else ())
    if field.args and not field.field_type.arguments:
        errors.append(f"{type_} doesn't take an argument")
    field, more = _apply_modifiers(field, parts[1:])
    errors += more
    if type_ in {"ref", "many"}:
        field, more = _resolve_target(field, find, access)
        errors += more
    if not errors:
        errors = field.field_type.errors_in(field) or _default_errors(field)
        if field.filtered and field.column in _LIST_PARAMS:
            errors.append(f"{name} is a reserved query parameter: rename the field")
    return field, errors


def _default_errors(field: Field) -> list[str]:
    try:
        _ = field.default
    except ValueError as error:
        return [str(error)]
    return []


def _apply_modifiers(field: Field, parts: Sequence[str]) -> tuple[Field, list[str]]:
    given = [part.partition("=") for part in parts]
    names = [name for name, _, _ in given]
    errors = [f"duplicate modifier {name}" for name in dict.fromkeys(names) if names.count(name) > 1]
    changes: dict[str, Any] = {}
    for name, equals, value in given:
        error = _modifier_error(field, name, equals, value)
        if error:
            errors.append(error)
        else:
            changes["default_text" if name == "default" else name] = True if name in FLAGS else value
    field = replace(field, **changes)
    return field, errors + _modifier_conflicts(field)


def _modifier_error(field: Field, name: str, equals: str, value: str) -> str | None:
    allowed = [*field.field_type.modifiers.split(), *([] if field.type in UNTITLED else ["title"])]
    if name not in FLAGS + VALUES:
        return f"{name or 'nothing'} is not a modifier: {nearest(name, FLAGS + VALUES)}"
    if name not in allowed:
        return f"{field.type} doesn't support {name}; supported modifiers: {', '.join(allowed) or 'none'}"
    if name in FLAGS:
        return f"{name} doesn't take a value" if equals else None
    if not equals or (not value and name != "default"):
        return f"{name} needs a value: {name}=…"
    if name == "on_delete" and value not in ON_DELETE:
        return f"on_delete={value}: {nearest(value, ON_DELETE)}"
    return None


def _modifier_conflicts(field: Field) -> list[str]:
    errors: list[str] = []
    if field.optional and field.default_text is not None:
        errors.append("optional and default can't be combined")
    if field.on_delete == "null" and not field.optional:
        errors.append("on_delete=null requires optional")
    if field.unique and field.index:
        errors.append("unique already creates an index: remove index")
    if field.unique and field.default_text is not None:
        errors.append("a unique field can't have a default")
    return errors


def _resolve_target(field: Field, find: FindTarget, access: str) -> tuple[Field, list[str]]:
    """Find the resource that a reference names."""
    name = field.args[0] if field.args else camel(field.name)
    if len(field.args) > 1 or not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        return field, [f"specify one resource, for example {field.field_type.arguments}"]
    if name == "User":
        return field, [
            "User is not a resource. Use --access owned to give rows an owner; write other references to users by hand"
        ]
    own = field.owner
    target = Target(own.name, own.plural, access) if name == own.name else find(name)
    if target is None:
        return field, [f"resource {name} doesn't exist. Create it first: `app new resource {name} …`"]
    field = replace(field, target=target)
    return field, _reference_errors(field, target, access)


def _reference_errors(field: Field, target: Target, access: str) -> list[str]:
    errors: list[str] = []
    if field.is_self and field.type == "many":
        errors.append("self-referencing many-to-many relations are not supported: write this one by hand")
    elif field.is_self and not field.optional:
        errors.append("a self-reference must be optional")
    if field.owner.plural in target.refers_to:
        errors.append(
            f"{target.name} already references {field.owner.name}, directly or indirectly, and Python can't import a"
            " circle of models: write this relation by hand, or keep the reference on one side only"
        )
    if target.access == "admin" and access != "admin":
        errors.append(f"{target.plural_words} are visible only to admins: use --access admin here too")
    if target.access == "owned" and access != "owned" and field.type == "ref" and field.on_delete == "restrict":
        errors.append(
            f"{target.plural_words} are deleted with their owner: add on_delete=cascade, or optional and on_delete=null"
        )
    return errors


def _field_name_errors(name: str) -> list[str]:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > NAME_LENGTH:
        hint = re.sub(r"[\W_]+", "_", snake(name)).strip("_")[:NAME_LENGTH]
        hint = hint if re.fullmatch(r"[a-z][a-z0-9_]*", hint) else "title"
        hint = f"{hint}_text" if _field_name_errors(hint) else hint
        return [f"invalid field name: use snake_case like {hint}, at most {NAME_LENGTH} characters"]
    if name in SQL_WORDS:
        return [f"{name} is a reserved word in SQL: use {name}_text or another name"]
    if keyword.iskeyword(name) or name in _SHADOWING:
        return [f"{name} is a reserved word in Python or in generated code: use {name}_text or another name"]
    if name in {"id", "version", "created_at", "updated_at", "owner", "owner_id"}:
        return [f"every resource already has the field {name}"]
    used = any(hasattr(parent, name) for parent in (Base, BaseModel, Owned, Record))
    if used or name.startswith(("model_dump", "model_validate")) or name in {"registry", "metadata"}:
        return [f"{name} is a reserved name: use {name}_text or another name"]
    return []


def nearest(word: str, options: Iterable[str]) -> str:
    """Suggest the closest option, or list all."""
    known = list(options)
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"
