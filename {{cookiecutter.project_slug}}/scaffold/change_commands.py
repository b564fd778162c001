"""`app add …`, `app change …`, `app remove …`, `app rename …`, `app destroy …`."""

from typing import Annotated

import typer

from app.commands.invocation import say
from scaffold.changes import change_fields, remove_field, rename_field
from scaffold.command_options import (
    GRAMMAR,
    Check,
    DryRun,
    Expand,
    Fields,
    Migrate,
    Name,
    Unique,
    Verify,
    constraint_options,
    follow_up,
    print_paths,
    reporting_errors,
)
from scaffold.editing import add_fields
from scaffold.edits import Edited
from scaffold.errors import ScaffoldError
from scaffold.project import ROOT, Project
from scaffold.resource_renames import rename_resource
from scaffold.user_fields import USER, add_user_fields

EXPANDED = (
    "Next, run `app db upgrade` and deploy this release. When the previous one has ended, `app db contract` adds the"
    " contract step to the migrations of the next one."
)

TRANSLATED = (
    "Texts of this feature have changed: run `app translate update`, translate the new ones, then run"
    " `app translate compile`."
)

add = typer.Typer(no_args_is_help=True)
change = typer.Typer(no_args_is_help=True)
remove = typer.Typer(no_args_is_help=True)
rename = typer.Typer(no_args_is_help=True)


def add_to(cli: typer.Typer) -> None:
    """Add these commands to the command line of the project."""
    cli.add_typer(add, name="add", help="Add fields or relations to a resource.")
    cli.add_typer(change, name="change", help="Change a field of a resource.")
    cli.add_typer(remove, name="remove", help="Remove a field of a resource.")
    cli.add_typer(rename, name="rename", help="Rename a field or a resource.")
    cli.command("destroy")(destroy_resource)


@add.command("field", epilog=GRAMMAR)
def add_field(  # noqa: PLR0913 - the options of a command
    name: Name,
    fields: Fields = None,
    *,
    unique: Unique = None,
    check: Check = None,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Add fields to a resource, or to User: model, schemas, forms, admin, tests and a migration.

    Existing rows are kept. A field of User can be on the sign-up form, too: city:str=80:optional:signup.
    """
    if name == USER.name:
        _add_user_fields(fields or [], unique, check, dry_run=dry_run, run_migration=run_migration, verify=verify)
        return
    options = constraint_options(unique, check)
    _add("field", name, fields or [], options, dry_run=dry_run, run_migration=run_migration, verify=verify)


@add.command("relation")
def add_relation(
    name: Name,
    fields: Fields = None,
    *,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Add a relation to another resource, for example genres:many=Genre or author:ref=Author:optional."""
    _add("relation", name, fields or [], [], dry_run=dry_run, run_migration=run_migration, verify=verify)


@remove.command("field")
def remove_a_field(  # noqa: PLR0913 - the options of a command
    name: Name,
    field: Annotated[str, typer.Argument(help="Name of the field")],
    *,
    expand: Expand = False,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Remove a field with its values: model, schemas, forms, admin, tests and a migration that drops its column.

    Fails if code by hand uses it.
    """
    with reporting_errors():
        edited = remove_field(Project(), name, field, expand=expand, dry_run=dry_run)
    _report(name, edited, expand=expand, dry_run=dry_run, run_migration=run_migration, verify=verify)


@change.command("field", epilog=GRAMMAR)
def change_a_field(
    name: Name,
    fields: Fields = None,
    *,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Change the type and modifiers of fields to those given, for example title:str=300. Values are kept.

    If rows don't fit, for example because a text is too long, the migration says so and changes nothing.
    """
    with reporting_errors():
        edited = change_fields(Project(), name, fields or [], dry_run=dry_run)
    if not edited.changed:
        say(f"{name} already has these fields; nothing to do.")
        return
    _report(name, edited, dry_run=dry_run, run_migration=run_migration, verify=verify)


@rename.command("field")
def rename_a_field(  # noqa: PLR0913 - the options of a command
    name: Name,
    old: Annotated[str, typer.Argument(help="Current name of the field")],
    new: Annotated[str, typer.Argument(help="New name of the field")],
    *,
    expand: Expand = False,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Rename a field and its column: model, schemas, forms, admin, tests and a migration. Values are kept.

    Python code by hand follows where it certainly means the field; other lines that may mean it are listed.
    """
    with reporting_errors():
        edited = rename_field(Project(), name, old, new, expand=expand, dry_run=dry_run)
    _report(name, edited, expand=expand, dry_run=dry_run, run_migration=run_migration, verify=verify)


@rename.command("resource")
def rename_a_resource(  # noqa: PLR0913 - the options of a command
    old: Annotated[str, typer.Argument(help="Current name of the resource, for example Book")],
    new: Annotated[str, typer.Argument(help="New name in CamelCase, for example Volume")],
    *,
    plural: Annotated[str | None, typer.Option(help="New plural in snake_case")] = None,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Rename a resource: folder, classes, table, URLs, tests, and the references of other resources. Rows are kept.

    Python code by hand follows where it certainly means the resource; other lines that may mean it are listed.
    """
    with reporting_errors():
        edited = rename_resource(Project(), old, new, plural_given=plural, dry_run=dry_run)
    _report(new, edited, dry_run=dry_run, run_migration=run_migration, verify=verify)


def _add(  # noqa: PLR0913 - the options of a command
    kind: str, name: str, fields: list[str], options: list[str], *, dry_run: bool, run_migration: bool, verify: bool
) -> None:
    with reporting_errors():
        written = add_fields(Project(), name, fields, kind=kind, options=options, dry_run=dry_run)
    if not written:
        say(f"{name} already has these fields; nothing to do.")
        return
    _report(name, Edited(written, []), dry_run=dry_run, run_migration=run_migration, verify=verify)


def _add_user_fields(  # noqa: PLR0913 - the options of a command
    specs: list[str],
    unique: list[str] | None,
    check: list[str] | None,
    *,
    dry_run: bool,
    run_migration: bool,
    verify: bool,
) -> None:
    with reporting_errors():
        if unique or check:
            raise ScaffoldError(["fields of users don't support --unique and --check: edit app/accounts/models.py"])
        changed = add_user_fields(Project(), specs, dry_run=dry_run)
    _report(USER.name, Edited(changed, []), dry_run=dry_run, run_migration=run_migration, verify=verify)


def _report(  # noqa: PLR0913 - the options of a command
    name: str, edited: Edited, *, expand: bool = False, dry_run: bool, run_migration: bool, verify: bool
) -> None:
    print_paths("changed", edited.changed, dry_run=dry_run)
    for file, line, text in edited.mentions:
        say(f"check by hand  {file}, line {line}: {text}")
    if not dry_run:
        if any(ROOT.glob(f"app/features/{Project().package_of(name)}/translations/*")):
            say(TRANSLATED)
        say(EXPANDED if expand else "Next, run `app db upgrade`.")
        tests = "accounts" if name == USER.name else f"features/{Project().package_of(name) or ''}"
        follow_up(f"tests/{tests}", run_migration=run_migration, verify=verify)


def destroy_resource(
    name: Name,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also delete files that are not committed to git")] = False,
    dry_run: DryRun = False,
) -> None:
    """Delete a resource and its tests, and drop its table.

    Fails if other code refers to it or files are not committed.
    """
    from scaffold.removal import destroy  # noqa: PLC0415 - connects to the database, which is slow to import

    with reporting_errors():
        removal = destroy(Project(), name, force=force, dry_run=dry_run)
    print_paths("deleted", removal.deleted, dry_run=dry_run)
    if removal.written:
        print_paths("written", removal.written, dry_run=dry_run)
        if not dry_run:
            say("Next, run `app db upgrade`.")
