"""`app new …`, `app add …`, `app destroy …`, `app check`."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from alembic.util import CommandError
from jinja2 import TemplateSyntaxError, UndefinedError
from typer.exceptions import TyperException

from app.commands.invocation import say
from scaffold.access import PRESETS, READERS, READERS_OF
from scaffold.changes import change_fields, remove_field, rename_field
from scaffold.checks import run_checks
from scaffold.editing import add_fields
from scaffold.edits import Edited
from scaffold.errors import ScaffoldError
from scaffold.features import write_feature, write_page, write_resource
from scaffold.field_types import FIELD_TYPES
from scaffold.grammar import parse_resource
from scaffold.project import Project
from scaffold.removal import destroy
from scaffold.resource import Resource
from scaffold.resource_file import write_resources
from scaffold.resource_renames import rename_resource

new = typer.Typer(no_args_is_help=True)
add = typer.Typer(no_args_is_help=True)
change = typer.Typer(no_args_is_help=True)
remove = typer.Typer(no_args_is_help=True)
rename = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the resource in CamelCase, for example BookReview")]
Fields = Annotated[
    list[str] | None, typer.Argument(help="Fields as name:type[=…][:modifier…], for example title:str=200:unique")
]
Unique = Annotated[
    list[str] | None, typer.Option("--unique", help="Fields that are unique together: project,number. Repeatable")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change without changing anything")]
Migrate = Annotated[bool, typer.Option("--migrate", help="Also apply migrations")]
Verify = Annotated[bool, typer.Option("--verify", help="Also run the checks and the new tests")]
Check = Annotated[
    list[str] | None, typer.Option("--check", help='A comparison of fields: "ends_at > starts_at". Repeatable')
]


def add_to(cli: typer.Typer) -> None:
    """Add these commands to the command line of the project."""
    cli.add_typer(new, name="new", help="Generate code: a resource, page or feature.")
    cli.add_typer(add, name="add", help="Add fields or relations to a resource.")
    cli.add_typer(change, name="change", help="Change a field of a resource.")
    cli.add_typer(remove, name="remove", help="Remove a field of a resource.")
    cli.add_typer(rename, name="rename", help="Rename a field or a resource.")
    cli.command("destroy")(destroy_resource)
    cli.command("check")(check_project)


@contextmanager
def _reporting_errors() -> Iterator[None]:
    """Print each error on its own line and exit with code 1."""
    try:
        yield
    except ScaffoldError as error:
        sys.exit(_format_errors(error.messages))
    except SyntaxError as error:
        sys.exit(_format_errors([f"{error.filename}, line {error.lineno}: {error.msg}"]))
    except TemplateSyntaxError as error:
        sys.exit(_format_errors([f"{error.filename}, line {error.lineno}: {error.message}"]))
    except (OSError, CommandError, UndefinedError) as error:
        sys.exit(_format_errors([str(error)]))


def _format_errors(errors: list[str]) -> str:
    if len(errors) == 1:
        return f"app: {errors[0]} (nothing was changed)"
    return "\n  ".join(["app: nothing was changed because of these errors:", *errors])


ACCESS = f"Short for --read and --write: {', '.join(PRESETS)} (default: owned)"
_TYPES = ", ".join(field_type.arguments or name for name, field_type in FIELD_TYPES.items())
GRAMMAR = f"""A field is name:type, followed by modifiers. Types: {_TYPES}.
Modifiers: optional, unique, globally, index, search, title, default=…, min=…, max=…, from=FIELD,
on_delete=restrict|cascade|null.
ref=User and many=User refer to users.
Example: title:str=200:unique status:enum=draft,live:default=draft author:ref=Author:optional"""
FILE_FORMAT = """A resource has the arguments of `app new resource`, for example Book title:str=200 author:ref=Author.
Indented lines continue it. Lines that start with # are comments. The order doesn't matter."""


@new.command("resource", epilog=GRAMMAR)
def new_resource(  # noqa: PLR0913 - the options of a command
    name: Name,
    fields: Fields = None,
    *,
    access: Annotated[str | None, typer.Option(help=ACCESS)] = None,
    read: Annotated[str | None, typer.Option(help=f"Who can read: {', '.join(READERS)}")] = None,
    write: Annotated[str | None, typer.Option(help=f"Who can write: {', '.join(READERS_OF)}")] = None,
    plural: Annotated[str | None, typer.Option(help="Plural in snake_case, for example book_reviews")] = None,
    unique: Unique = None,
    check: Check = None,
    by: Annotated[str, typer.Option(help="Unique slug to use in URLs instead of the ID, for example slug")] = "",
    no_admin: Annotated[bool, typer.Option("--no-admin", help="Don't generate an admin view")] = False,
    no_pages: Annotated[bool, typer.Option("--no-pages", help="Don't generate web pages")] = False,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Generate a resource: model, schemas, service, routes, pages, admin, migration and tests."""
    project = Project()
    with _reporting_errors():
        resource = _parse(
            project,
            name,
            fields,
            access=access,
            read=read,
            write=write,
            plural=plural,
            unique=unique,
            checks=check,
            by=by,
            no_admin=no_admin,
            no_pages=no_pages,
        )
        written = write_resource(project, resource, dry_run=dry_run)
    if not written:
        say(f"{name} already exists with exactly these fields; nothing to do.")
        return
    _print_paths("written", written, dry_run=dry_run)
    if not dry_run:
        _print_next(resource)
        _follow_up(resource.plural, run_migration=run_migration, verify=verify)


def _parse(  # noqa: PLR0913 - the options of a command
    project: Project,
    name: str,
    fields: list[str] | None,
    *,
    access: str | None,
    read: str | None,
    write: str | None,
    plural: str | None,
    unique: list[str] | None,
    checks: list[str] | None,
    by: str,
    no_admin: bool,
    no_pages: bool,
) -> Resource:
    command = ["app", "new", "resource", name, *(fields or [])]
    options = {"--access": None if access == "owned" else access, "--read": read, "--write": write, "--plural": plural}
    command += [word for option, value in options.items() if value is not None for word in (option, value)]
    command += _constraint_options(unique, checks)
    command += ["--by", by] if by else []
    command += ["--no-admin"] * no_admin + ["--no-pages"] * no_pages
    return parse_resource(
        name,
        fields or [],
        project.find_target,
        access=access,
        read=read,
        write=write,
        plural_given=plural,
        unique=unique or [],
        checks=checks or [],
        by=by,
        pages=project.has_pages and not no_pages,
        admin=project.has_admin and not no_admin,
        commands=[tuple(command)],
    )


@new.command("resources", epilog=FILE_FORMAT)
def new_resources(
    file: Annotated[Path, typer.Argument(help="Path of the file")],
    *,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Generate the resources in a file: all of them, or none if one has an error."""
    with _reporting_errors():
        written = write_resources(Project(), file, _parse_block, dry_run=dry_run)
    _print_paths("written", written, dry_run=dry_run)
    if written and not dry_run:
        say("Next, run `app db upgrade`.")
        _follow_up("", run_migration=run_migration, verify=verify)


def _parse_block(project: Project, words: Sequence[str]) -> Resource:
    """Parse a block of a file as the arguments of `app new resource`."""
    command = typer.main.get_group(new).commands["resource"]
    command.add_help_option = False
    try:
        options = command.make_context("resource", [*words]).params
    except TyperException as error:
        raise ScaffoldError([error.format_message()]) from error
    whole_file = [options.pop(name) for name in ("dry_run", "run_migration", "verify")]
    if any(whole_file):
        raise ScaffoldError(["--dry-run, --migrate and --verify are options of the command, not of one resource"])
    return _parse(project, checks=options.pop("check"), **options)


@new.command("page")
def new_page(
    path: Annotated[str, typer.Argument(help="URL path, for example about or legal/imprint")],
    *,
    title: Annotated[str | None, typer.Option(help="Page title")] = None,
    access: Annotated[str, typer.Option(help="Access: public or signed-in")] = "public",
    dry_run: DryRun = False,
) -> None:
    """Generate a page with a template and a test."""
    with _reporting_errors():
        written = write_page(Project(), path, title=title, access=access, dry_run=dry_run)
    _print_paths("written", written, dry_run=dry_run)


@new.command("feature")
def new_feature(
    name: Annotated[str, typer.Argument(help="Name in snake_case, for example reports")], *, dry_run: DryRun = False
) -> None:
    """Generate an empty feature with a service, a route and a test."""
    with _reporting_errors():
        written = write_feature(Project(), name, dry_run=dry_run)
    _print_paths("written", written, dry_run=dry_run)


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
    """Add fields to a resource: model, schemas, forms, admin, tests and a migration. Existing rows are kept."""
    options = _constraint_options(unique, check)
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


def _constraint_options(unique: list[str] | None, check: list[str] | None) -> list[str]:
    given = [("--unique", names) for names in unique or []] + [("--check", text) for text in check or []]
    return [part for option in given for part in option]


@remove.command("field")
def remove_a_field(
    name: Name,
    field: Annotated[str, typer.Argument(help="Name of the field")],
    *,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Remove a field with its values: model, schemas, forms, admin, tests and a migration that drops its column.

    Fails if code by hand uses it.
    """
    with _reporting_errors():
        edited = remove_field(Project(), name, field, dry_run=dry_run)
    _report(name, edited, dry_run=dry_run, run_migration=run_migration, verify=verify)


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
    with _reporting_errors():
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
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Rename a field and its column: model, schemas, forms, admin, tests and a migration. Values are kept.

    Python code by hand follows where it certainly means the field; other lines that may mean it are listed.
    """
    with _reporting_errors():
        edited = rename_field(Project(), name, old, new, dry_run=dry_run)
    _report(name, edited, dry_run=dry_run, run_migration=run_migration, verify=verify)


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
    with _reporting_errors():
        edited = rename_resource(Project(), old, new, plural_given=plural, dry_run=dry_run)
    _report(new, edited, dry_run=dry_run, run_migration=run_migration, verify=verify)


def _add(  # noqa: PLR0913 - the options of a command
    kind: str, name: str, fields: list[str], options: list[str], *, dry_run: bool, run_migration: bool, verify: bool
) -> None:
    project = Project()
    with _reporting_errors():
        written = add_fields(project, name, fields, kind=kind, options=options, dry_run=dry_run)
    if not written:
        say(f"{name} already has these fields; nothing to do.")
        return
    _print_paths("changed", written, dry_run=dry_run)
    if not dry_run:
        say("Next, run `app db upgrade`.")
        _follow_up(project.package_of(name) or "", run_migration=run_migration, verify=verify)


def _report(name: str, edited: Edited, *, dry_run: bool, run_migration: bool, verify: bool) -> None:
    _print_paths("changed", edited.changed, dry_run=dry_run)
    for file, line, text in edited.mentions:
        say(f"check by hand  {file}, line {line}: {text}")
    if not dry_run:
        say("Next, run `app db upgrade`.")
        _follow_up(Project().package_of(name) or "", run_migration=run_migration, verify=verify)


def destroy_resource(
    name: Name,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also delete files that are not committed to git")] = False,
    dry_run: DryRun = False,
) -> None:
    """Delete a resource and its tests, and drop its table.

    Fails if other code refers to it or files are not committed.
    """
    with _reporting_errors():
        removal = destroy(Project(), name, force=force, dry_run=dry_run)
    _print_paths("deleted", removal.deleted, dry_run=dry_run)
    if removal.written:
        _print_paths("written", removal.written, dry_run=dry_run)
        if not dry_run:
            say("Next, run `app db upgrade`.")


def check_project() -> None:
    """Check linting, formatting, types, imports, migrations and features. To run tests, use pytest."""
    failed = run_checks()
    if failed:
        sys.exit(f"app: {', '.join(failed)} failed.")


def _print_paths(action: str, paths: Sequence[str], *, dry_run: bool) -> None:
    if not paths:
        say("Already up to date; nothing to do.")
    for path in paths:
        say(f"{'would be ' if dry_run else ''}{action}  {path}")


def _print_next(resource: Resource) -> None:
    urls = [f"/api/v1/{resource.path}"]
    urls += [f"/{resource.path}"] * resource.pages
    urls += [f"/admin/{resource.admin_key}/list"] * resource.admin
    say(f"Next, run `app db upgrade`. URLs: {', '.join(urls)}")


def _follow_up(package: str, *, run_migration: bool, verify: bool) -> None:
    """Run the follow-up commands, each in a new process that imports the new code."""
    if run_migration:
        _run("app", "db", "upgrade")
    if verify:
        _run("app", "check")
        _run("pytest", "-q", f"tests/features/{package}")


def _run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=Project().root, check=False)  # noqa: S603 - fixed arguments
    if done.returncode:
        sys.exit(done.returncode)
