"""A new field in a resource that is there: model, schemas, service, pages, admin, tests and a migration.

The templates are rendered without it and with it, and the difference goes into your files, as they are.
"""

from dataclasses import replace

from scaffold import migration
from scaffold.grammar import ScaffoldError, parse_fields
from scaffold.names import Names
from scaffold.project import Project
from scaffold.rendering import render_resource
from scaffold.resource import Field, Resource
from scaffold.staging import staging_area
from scaffold.three_way_merge import Collision, merge


def add_fields(project: Project, name: str, specs: list[str], *, word: str, dry_run: bool = False) -> list[str]:
    """Add fields to a resource; return the files that changed, or none when it has them already.

    Raises:
        Problems: all that stands against it; nothing was changed then.
    """
    before = _resource(project, name)
    command = ("app", "add", word, name, *specs)
    if command in before.commands:
        return []
    after = replace(before, fields=_with(project, before, specs), commands=(*before.commands, command))
    with staging_area(project.root, {}) as stage:
        texts = [stage.tidied(render_resource(resource)) for resource in (before, after)]
        stage.write(_merged(project, *texts))
        migration.write_fields(stage, after, after.fields[len(before.fields) :])
        stage.tidy()
        if not dry_run:
            stage.install()
        return stage.files()


def _resource(project: Project, name: str) -> Resource:
    package = project.package_of(name)
    resource = project.resource_of(package) if package else None
    if resource is None:
        raise ScaffoldError(
            [project.unknown(name) if package is None else f"{name} was written by hand: no command tells how"]
        )
    return resource


def _with(project: Project, resource: Resource, specs: list[str]) -> tuple[Field, ...]:
    """Return the fields with the new ones.

    Raises:
        Problems: when one cannot be added to a table that has rows.
    """
    names = Names(resource.name, resource.plural)
    added, problems = parse_fields(names, specs, project.find_target, resource.access)
    for item in added:
        if item.required:
            problems.append(
                f"{item.name}: there may be {resource.plural_words} already, which have none: add optional or default=…"
            )
        problems += [
            f"{item.name} is there already"
            for old in resource.fields
            if {old.name, old.column} & {item.name, item.column}
        ]
    if problems:
        raise ScaffoldError(problems)
    return (*resource.fields, *added)


def _merged(project: Project, before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Return the files that change; one that its owner deleted stays so."""
    changed: dict[str, str] = {}
    problems: list[str] = []
    for name, text in after.items():
        path = project.root / name
        if before.get(name) == text or not path.exists():
            continue
        mine = path.read_text()
        try:
            changed[name] = merge(before.get(name, ""), mine, text)
        except Collision as collision:
            problems.append(
                f"{name} has changed where this is to go; put it in by hand, then run it again:\n{collision}"
            )
    if problems:
        raise ScaffoldError(problems)
    return {name: text for name, text in changed.items() if text != (project.root / name).read_text()}
