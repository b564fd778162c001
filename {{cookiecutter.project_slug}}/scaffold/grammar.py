"""Parse command-line arguments to a `Resource`, or collect all errors with suggestions.

    app new resource Book title:str=200:unique price:decimal=10,2:optional author:ref=Author

A field is `name:type`, followed by `=` and arguments if the type takes any, and by `:` and each modifier. No part needs
quoting in a shell.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.database.base import IDENTIFIER_LENGTH
from scaffold.access import Access, parse_access
from scaffold.comparison_samples import with_limits
from scaffold.comparisons import parse_comparisons
from scaffold.errors import ScaffoldError, nearest
from scaffold.field import Field, title_of
from scaffold.field_spec import FILES
from scaffold.field_types import FIELD_TYPES
from scaffold.names import (
    NAME_MARK,
    Names,
    field_name_errors,
    plural_errors,
    resource_name_errors,
    snake,
)
from scaffold.nesting import access_under, nesting_errors, parse_parent
from scaffold.plurals import plural
from scaffold.readonly import input_errors, readonly_conflicts
from scaffold.references import FindTarget, resolve_target
from scaffold.resource import Resource
from scaffold.slugs import modifier_conflicts, put_in_urls, source_errors
from scaffold.unique import parse_unique, vary

FLAGS = ("optional", "unique", "globally", "index", "search", "title", "readonly")
UNTITLED = ("bool", "json", "list", "ref", "many", *FILES)
REFERENCES = ("ref", "many")
VALUES = ("default", "min", "max", "types", "on_delete", "from")
ATTRIBUTES = {"default": "default_text", "from": "source"}
ON_DELETE = ("restrict", "cascade", "null")

_LIST_PARAMS = frozenset({"cursor", "limit", "q", "sort"})


def parse_resource(  # noqa: PLR0913 - the options of the command
    name: str, specs: Sequence[str], find: FindTarget, *, access: str | None = None, read: str | None = None,
    write: str | None = None, plural_given: str | None = None, unique: Sequence[str] = (), checks: Sequence[str] = (),
    by: str = "", under: str = "", pages: bool = True, admin: bool = True, live: bool = False,
    commands: Sequence[tuple[str, ...]] = (),
) -> Resource:  # fmt: skip
    """Parse the arguments of `app new resource`.

    Raises:
        ScaffoldError: with every error in them.
    """
    many = plural_given or plural(snake(name))
    errors = resource_name_errors(name, plural_given) or plural_errors(name, many)
    granted, access_errors = parse_access(access, read, write)
    parent, parent_errors = parse_parent(Names(name, many), under, find)
    if parent and not access_errors:
        given = None if (access, read, write) == (None, None, None) else granted
        granted, access_errors = access_under(parent.target, given)
    fields, field_errors = parse_fields(Names(name, many), specs, find, granted, nested=bool(under))
    groups, unique_errors = parse_unique(unique, fields, specs)
    comparisons, check_errors = parse_comparisons(checks, fields, specs)
    errors += access_errors + field_errors + unique_errors + check_errors + source_errors(fields, specs)
    fields, by_errors = put_in_urls(by, fields, specs, granted)
    errors += by_errors + parent_errors + input_errors(fields)
    if parent:
        if admin and not parent.target.admin:
            errors.append(f"--under {under}: it has no admin view to choose a row from: add --no-admin")
        if pages and not parent.target.pages:
            errors.append(f"--under {under}: it has no pages to link to: add --no-pages")
        errors += nesting_errors(parent, fields)
    if not specs:
        errors.append(f"{name} needs at least one field, for example title:str=200")
    if errors:
        raise ScaffoldError(errors)
    own = {"by": by, "pages": pages, "admin": admin, "parent": parent.target if parent else None}
    known = tuple(_complete_self_reference(field, fields, **own) for field in vary(fields, groups))
    known, errors = with_limits(known, comparisons)
    if errors:
        raise ScaffoldError(errors)
    made = tuple(commands)
    return Resource(name, many, known, groups, tuple(comparisons), granted, pages, admin, made, by, parent, live)


def parse_fields(
    names: Names, specs: Sequence[str], find: FindTarget, access: Access, *, nested: bool = False
) -> tuple[list[Field], list[str]]:
    """Parse fields. Returns the valid ones, and the errors in the others."""
    fields: list[Field] = []
    errors: list[str] = []
    for spec in specs:
        field, field_errors = _parse_field(names, spec, find, access, nested=nested)
        errors += [f"{spec}: {error}" for error in field_errors]
        if field is not None and not field_errors:
            fields.append(field)
    return fields, errors + _conflicts(names, fields)


def _complete_self_reference(field: Field, fields: list[Field], **options: Any) -> Field:  # noqa: ANN401 - of `Target`
    if not field.is_self:
        return field
    return replace(field, target=replace(field.target, title_field=title_of(fields), **options))


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
        table = f"{names.plural}_{field.name}"
        if field.type == "many" and len(f"pk_{table}") > IDENTIFIER_LENGTH:
            errors.append(
                f"{field.name}: the name of its table would be {table}, which is too long for PostgreSQL: shorten the"
                " name of the field or of the resource"
            )
    return errors


def _parse_field(
    names: Names, spec: str, find: FindTarget, access: Access, *, nested: bool
) -> tuple[Field | None, list[str]]:
    name, *parts = spec.split(":")
    errors = field_name_errors(name)
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
    if type_ in FILES:  # a route of its own sets it
        field = replace(field, optional=True, readonly=True)
    if type_ in REFERENCES:
        field, more = resolve_target(field, find, access)
        errors += more
    if field.globally and not access.owned and not nested:
        errors.append("rows have no owner, so unique covers all of them: remove globally")
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
            changes[ATTRIBUTES.get(name, name)] = True if name in FLAGS else value
    field = replace(field, **changes)
    errors += _modifier_conflicts(field)
    return replace(field, unique=field.unique or bool(field.source)), errors


def _modifier_error(field: Field, name: str, equals: str, value: str) -> str | None:
    allowed = [*field.field_type.modifiers.split(), *([] if field.type in UNTITLED else ["title"])]
    allowed += [] if field.type in (*REFERENCES, *FILES) else ["readonly"]
    allowed += ["globally"] if "unique" in allowed else []
    if name not in FLAGS + VALUES:
        return f"{name or '(empty)'} is not a modifier: {nearest(name, FLAGS + VALUES)}"
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
    if field.optional and field.default_text == "":
        errors.append("optional and an empty default can't be combined: forms can't tell empty from null")
    if field.on_delete == "null" and not field.optional:
        errors.append("on_delete=null requires optional")
    if field.unique and field.index:
        errors.append("unique already creates an index: remove index")
    if field.unique and field.default_text is not None:
        errors.append("a unique field can't have a default")
    if field.globally and not (field.unique or field.source):
        errors.append("globally requires unique: unique:globally")
    errors += readonly_conflicts(field) if field.readonly else []
    return errors + modifier_conflicts(field) if field.source else errors
