"""`app remove`, `app change` and `app rename`: edit the commands that generated a resource."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from scaffold.conversions import conversion_errors
from scaffold.editing import find_resource
from scaffold.edits import Edit, Edited, carry_out
from scaffold.errors import ScaffoldError, nearest
from scaffold.expansion import removal_errors, rename_errors
from scaffold.field import Field
from scaffold.migration import listed
from scaffold.names import camel
from scaffold.project import Command, Project, spec_places
from scaffold.resource import Resource
from scaffold.table_changes import Renames

FIELD_OPTIONS = ("--unique", "--check", "--by")
"""Options that name fields."""


def remove_field(project: Project, name: str, field: str, *, expand: bool = False, dry_run: bool = False) -> Edited:
    """Remove a field of a resource, with its values.

    Raises:
        ScaffoldError: if there is no such field, or code by hand uses it; nothing was changed.
    """
    resource = find_resource(project, name)
    old = _field(resource, field)
    if len(resource.fields) == 1:
        raise ScaffoldError([f"{field} is the only field of {name}: to delete the resource, run `app destroy {name}`"])
    if expand and (errors := removal_errors(resource, old)):
        raise ScaffoldError(errors)
    commands = _edited(resource.commands, lambda spec: None if _name_of(spec) == field else spec, field)
    edit = Edit(
        resource.plural,
        {resource.plural: commands},
        f"Remove {old.words} from {resource.plural_words}",
        expand=expand,
        words=(old.name, old.column),
    )
    return carry_out(project, edit, dry_run=dry_run)


def change_fields(project: Project, name: str, specs: list[str], *, dry_run: bool = False) -> Edited:
    """Change the types and modifiers of fields. Changes nothing if they already have them.

    Raises:
        ScaffoldError: if a field is unknown or invalid, or its values would be lost; nothing was changed.
    """
    resource = find_resource(project, name)
    new = {_name_of(spec): spec for spec in specs}
    if unknown := [error for field in new for error in _unknown(resource, field)]:
        raise ScaffoldError(unknown)
    commands = list(resource.commands)
    for field in new:
        commands = _edited(commands, lambda spec: new.get(_name_of(spec), spec), field, field)
    if commands == list(resource.commands):
        return Edited([], [])
    after = project.parse(resource.plural, commands)
    changed = [(old, item) for old, item in zip(resource.fields, after.fields, strict=True) if item.name in new]
    if errors := [error for old, item in changed for error in conversion_errors(old, item)]:
        raise ScaffoldError(errors)
    message = f"Change {listed([item for _, item in changed], 'fields')} of {resource.plural_words}"
    safe = all(old.type == item.type and old.optional >= item.optional for old, item in changed)
    return carry_out(project, Edit(resource.plural, {resource.plural: commands}, message, safe=safe), dry_run=dry_run)


def rename_field(  # noqa: PLR0913 - the options of the command
    project: Project, name: str, old: str, new: str, *, expand: bool = False, dry_run: bool = False
) -> Edited:
    """Rename a field of a resource.

    Raises:
        ScaffoldError: if there is no such field, or the new name is invalid or in use; nothing was changed.
    """
    resource = find_resource(project, name)
    before = _field(resource, old)
    if expand and (errors := rename_errors(resource, before)):
        raise ScaffoldError(errors)
    commands = _edited(resource.commands, lambda spec: renamed_spec(spec, old, new), old, new)
    after = replace(before, name=new)
    if defines(project.features / resource.plural / "models.py", {after.name, after.column}):
        raise ScaffoldError([f"app/features/{resource.plural}/models.py already has {new}: use another name"])
    renames = Renames(columns={(resource.plural, before.column): after.column})
    if before.type == "many":
        table = f"{resource.plural}_{old}"
        far = {(table, before.far_column): after.far_column} if before.is_self else {}
        renames = Renames({table: f"{resource.plural}_{new}"}, far)
    edit = Edit(
        resource.plural,
        {resource.plural: commands},
        f"Rename {before.words} of {resource.plural_words} to {after.words}",
        renames=renames,
        renaming=True,
        expand=expand,
        words=(before.name, before.column, before.words, before.label),
    )
    return carry_out(project, edit, dry_run=dry_run)


def renamed_spec(spec: str, old: str, new: str) -> str:
    """Rename a field in its specification. The resource that it refers to stays the same."""
    name, colon, rest = spec.partition(":")
    if name != old:
        return re.sub(rf":from={re.escape(old)}(?=:|$)", f":from={new}", spec)
    kind, *modifiers = rest.split(":")
    kind = f"{kind}={camel(old)}" if kind in {"ref", "many"} else kind
    return ":".join([f"{new}{colon}{kind}", *modifiers])


def defines(path: Path, names: set[str]) -> bool:
    """Return whether a class in a module defines an attribute with one of these names."""
    pattern = re.compile(rf"^    (async )?(def )?({'|'.join(map(re.escape, names))})\b *[:=(]", re.MULTILINE)
    return path.exists() and bool(pattern.search(path.read_text(encoding="utf-8")))


def _field(resource: Resource, name: str) -> Field:
    if errors := _unknown(resource, name):
        raise ScaffoldError(errors)
    return next(item for item in resource.fields if item.name == name)


def _unknown(resource: Resource, name: str) -> list[str]:
    names = [item.name for item in resource.fields]
    return [] if name in names else [f"{resource.name} has no field {name}: {nearest(name, names)}"]


def _name_of(spec: str) -> str:
    return spec.partition(":")[0]


def _edited(commands: Sequence[Command], change: Callable[[str], str | None], old: str, new: str = "") -> list[Command]:
    """Change the fields in commands, and rename one in their options.

    Removed are fields for which `change` returns None, and without a new name the options that name the field.
    """
    edited = [
        tuple(_changed(command, change, re.compile(rf"(?<![a-z0-9_]){re.escape(old)}(?![a-z0-9_])"), new))
        for command in commands
    ]
    first, *others = edited
    left = [command for command in others if len(command) > len(first[:4])]
    if not spec_places(first):  # the fields that were added are now the first ones
        added = next(command for command in left if spec_places(command))
        left.remove(added)
        first = (*first[:4], *added[4:], *first[4:])
    return [first, *left]


def _changed(command: Command, change: Callable[[str], str | None], old: re.Pattern[str], new: str) -> Iterator[str]:
    places = set(spec_places(command))
    for place, text in enumerate(command):
        if place in places:
            changed = change(text)
            yield from [] if changed is None else [changed]
        elif command[place - 1] in FIELD_OPTIONS and old.search(text):
            yield from [command[place - 1], old.sub(new, text)] if new else []
        elif text not in FIELD_OPTIONS or not old.search(command[place + 1]):
            yield text
