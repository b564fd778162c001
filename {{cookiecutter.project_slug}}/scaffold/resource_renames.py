"""`app rename resource`: a new name for a resource, and for all that is named after it."""

from collections.abc import Iterable

from scaffold.editing import find_resource
from scaffold.edits import Edit, Edited, carry_out
from scaffold.errors import ScaffoldError
from scaffold.names import Names, camel, plural_errors, resource_name_errors, snake
from scaffold.plurals import plural
from scaffold.project import Command, Project, spec_places
from scaffold.resource import Resource
from scaffold.table_changes import Renames


def rename_resource(
    project: Project, old: str, new: str, *, plural_given: str | None = None, dry_run: bool = False
) -> Edited:
    """Rename a resource, its table, its URLs and what refers to it.

    Raises:
        ScaffoldError: if it is unknown, or the new name is invalid or in use; nothing was changed.
    """
    resource = find_resource(project, old)
    names = Names(new, plural_given or plural(snake(new)))
    errors = resource_name_errors(new, plural_given) or plural_errors(new, names.plural)
    if project.package_of(new):
        errors.append(f"{new} already exists")
    moves = names.plural != resource.plural
    if errors := errors or (project.name_conflicts(names) if moves else []):
        raise ScaffoldError(errors)
    found = {package: project.commands_of(package) for package in project.packages()}
    commands = {package: [_renamed(command, old, new) for command in found[package]] for package in found}
    commands[resource.plural][0] = _with_plural(commands[resource.plural][0], names)
    edit = Edit(
        resource.plural,
        {package: commands[package] for package in found if commands[package] != found[package]},
        f"Rename {resource.plural_words} to {names.plural_words}",
        renames=_renames(project, resource, names),
        renaming=True,
        words=tuple({old, resource.snake, resource.plural, resource.path, resource.words, resource.plural_words,
                     resource.label, resource.labels, resource.plural.upper()}),
        new_package=names.plural if moves else "",
    )  # fmt: skip
    return carry_out(project, edit, dry_run=dry_run)


def _renamed(command: Command, old: str, new: str) -> Command:
    """Rename a resource in a command."""
    places = set(spec_places(command))
    texts = [
        _renamed_target(text, old, new)
        if place in places
        else new
        if text == old and (place == 3 or command[place - 1] == "--under")  # noqa: PLR2004 - after `app new resource`
        else text
        for place, text in enumerate(command)
    ]
    return tuple(texts)


def _renamed_target(spec: str, old: str, new: str) -> str:
    """Rename the resource that a field refers to."""
    name, _, rest = spec.partition(":")
    kind, *modifiers = rest.split(":")
    type_, _, target = kind.partition("=")
    if type_ not in {"ref", "many"} or (target or camel(name)) != old:
        return spec
    return ":".join([name, f"{type_}={new}", *modifiers])


def _with_plural(command: Command, names: Names) -> Command:
    """Set the plural in a command, if it doesn't follow from the name."""
    place = command.index("--plural") if "--plural" in command else len(command)
    kept = (*command[:place], *command[place + 2 :])
    return kept if names.plural == plural(names.snake) else (*kept, "--plural", names.plural)


def _renames(project: Project, old: Resource, new: Names) -> Renames:
    """Return the new names of its tables, of the columns of association tables, and of its permission."""
    tables = {table: new.plural + table.removeprefix(old.plural) for table in old.tables}
    columns = {
        (table, f"{old.snake}_id"): f"{new.snake}_id"
        for resource in _resources(project)
        for table in resource.tables_of(
            item for item in resource.many_fields if old.plural in {resource.plural, item.target.plural}
        )
    }
    columns |= {
        (resource.plural, resource.under.column): f"{new.snake}_id"
        for resource in _resources(project)
        if resource.under and resource.under.target.plural == old.plural
    }
    permissions = {old.permission: f"{new.path}:edit"} if old.access.write == "editors" and new.path != old.path else {}
    return Renames({name: other for name, other in tables.items() if name != other}, columns, permissions)


def _resources(project: Project) -> Iterable[Resource]:
    return filter(None, map(project.resource_of, project.packages()))
