"""`app new …`, `app check`."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from app.commands.invocation import say
from scaffold.access import PRESETS, READERS, READERS_OF
from scaffold.checks import run_checks
from scaffold.command_options import (
    GRAMMAR,
    Check,
    DryRun,
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
from scaffold.errors import ScaffoldError
from scaffold.features import write_feature, write_page, write_resource
from scaffold.grammar import parse_resource
from scaffold.jobs import write_job
from scaffold.project import Project
from scaffold.resource import Resource
from scaffold.resource_file import write_resources

new = typer.Typer(no_args_is_help=True)


def add_to(cli: typer.Typer) -> None:
    """Add these commands to the command line of the project."""
    cli.add_typer(new, name="new", help="Generate code: a resource, page, feature or job, or a deployment.")
    if find_spec("scaffold.deployments"):  # part of the option `deploy`
        import_module("scaffold.deployments").add_to(new)
    cli.command("check")(check_project)


ACCESS = f"Short for --read and --write: {', '.join(PRESETS)} (default: owned)"
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
    under: Annotated[str, typer.Option(help="Resource whose rows contain these, for example Article")] = "",
    live: Annotated[bool, typer.Option("--live", help="Show changes of others on the list page at once")] = False,
    no_admin: Annotated[bool, typer.Option("--no-admin", help="Don't generate an admin view")] = False,
    no_pages: Annotated[bool, typer.Option("--no-pages", help="Don't generate web pages")] = False,
    dry_run: DryRun = False,
    run_migration: Migrate = False,
    verify: Verify = False,
) -> None:
    """Generate a resource: model, schemas, service, routes, pages, admin, migration and tests."""
    project = Project()
    with reporting_errors():
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
            under=under,
            live=live,
            no_admin=no_admin,
            no_pages=no_pages,
        )
        written = write_resource(project, resource, dry_run=dry_run)
    if not written:
        say(f"{name} already exists with exactly these fields; nothing to do.")
        return
    print_paths("written", written, dry_run=dry_run)
    if not dry_run:
        _print_next(resource)
        follow_up(f"tests/features/{resource.plural}", run_migration=run_migration, verify=verify)


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
    under: str,
    live: bool,
    no_admin: bool,
    no_pages: bool,
) -> Resource:
    command = ["app", "new", "resource", name, *(fields or [])]
    options = {
        "--access": None if access == "owned" and not under else access,
        "--read": read,
        "--write": write,
        "--plural": plural,
    }
    command += [word for option, value in options.items() if value is not None for word in (option, value)]
    command += constraint_options(unique, checks)
    command += ["--by", by] if by else []
    command += ["--under", under] if under else []
    command += ["--live"] * live + ["--no-admin"] * no_admin + ["--no-pages"] * no_pages
    if live and not project.has_live:
        raise ScaffoldError(["--live: this project has no app/live"])
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
        under=under,
        pages=project.has_pages and not no_pages,
        admin=project.has_admin and not no_admin,
        live=live,
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
    with reporting_errors():
        written = write_resources(Project(), file, _parse_block, dry_run=dry_run)
    print_paths("written", written, dry_run=dry_run)
    if written and not dry_run:
        say("Next, run `app db upgrade`.")
        follow_up("tests/features", run_migration=run_migration, verify=verify)


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
    with reporting_errors():
        written = write_page(Project(), path, title=title, access=access, dry_run=dry_run)
    print_paths("written", written, dry_run=dry_run)


@new.command("feature")
def new_feature(
    name: Annotated[str, typer.Argument(help="Name in snake_case, for example reports")], *, dry_run: DryRun = False
) -> None:
    """Generate an empty feature with a service, a route and a test."""
    with reporting_errors():
        written = write_feature(Project(), name, dry_run=dry_run)
    print_paths("written", written, dry_run=dry_run)


@new.command("job")
def new_job(
    path: Annotated[str, typer.Argument(help="Feature and name of the function, for example notes.export_all")],
    *,
    schedule: Annotated[str | None, typer.Option(help='Cron text in UTC, for example "0 3 * * *"')] = None,
    dry_run: DryRun = False,
) -> None:
    """Generate a job, which runs outside the request, and its test, in the `jobs.py` of a feature."""
    with reporting_errors():
        written = write_job(Project(), path, schedule=schedule, dry_run=dry_run)
    print_paths("written", written, dry_run=dry_run)


def check_project() -> None:
    """Check linting, formatting, types, imports, migrations and features. To run tests, use pytest."""
    failed = run_checks()
    if failed:
        sys.exit(f"app: {', '.join(failed)} failed.")


def _print_next(resource: Resource) -> None:
    urls = [f"/api/v1/{resource.route}"]
    urls += [f"/{resource.route}"] * resource.pages
    urls += [f"/admin/{resource.admin_key}/list"] * resource.admin
    say(f"Next, run `app db upgrade`. URLs: {', '.join(urls)}")
