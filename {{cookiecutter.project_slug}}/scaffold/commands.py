"""`app new …`, `app add …`, `app destroy …`, `app check`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from scaffold import migration
from scaffold.grammar import Problems, parse_resource
from scaffold.project import Command, Project
from scaffold.rendering import render_resource
from scaffold.resource import Resource
from scaffold.writing import refuse_existing, staged

new = typer.Typer(no_args_is_help=True)
"""`app new …`"""

Fields = Annotated[list[str] | None, typer.Argument(help="name:kind[=…][:modifier…], as in title:str=200:unique")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing")]


@contextmanager
def _told() -> Iterator[None]:
    """Say every problem in a line of its own, and end with 1."""
    try:
        yield
    except Problems as problems:
        lines = problems.found
        head = "app: nothing was written:" if len(lines) > 1 else "app: nothing was written."
        sys.exit("\n".join([head, *(f"  {line}" for line in lines)]) if len(lines) > 1 else f"{head} {lines[0]}")


@new.command("resource")
def new_resource(  # noqa: PLR0913 - the options of a command
    name: Annotated[str, typer.Argument(help="One of them, in camel case: BookReview")],
    fields: Fields = None,
    *,
    access: Annotated[str, typer.Option(help="Who may: owned, shared, public or admin")] = "owned",
    plural: Annotated[str | None, typer.Option(help="Many of them: book_reviews")] = None,
    no_admin: Annotated[bool, typer.Option("--no-admin", help="Leave out the admin view")] = False,
    no_pages: Annotated[bool, typer.Option("--no-pages", help="Leave out the pages")] = False,
    dry_run: DryRun = False,
    run_migration: Annotated[bool, typer.Option("--migrate", help="Bring the database up to date as well")] = False,
    check: Annotated[bool, typer.Option("--check", help="Check the project, and run the new tests")] = False,
) -> None:
    """Write a resource: model, schemas, service, routes, pages, admin, migration and tests."""
    project = Project()
    words = ["app", "new", "resource", name, *(fields or [])]
    words += ["--access", access] if access != "owned" else []
    words += ["--plural", plural] if plural is not None else []
    words += ["--no-admin"] * no_admin + ["--no-pages"] * no_pages
    with _told():
        resource = parse_resource(
            name, fields or [], project.find_target, access=access, plural_given=plural,
            pages=project.has_pages and not no_pages, admin=project.has_admin and not no_admin, command=words,
        )  # fmt: skip
        if _is_there(project, resource):
            typer.echo(f"{name} is there as this command writes it: nothing to do.")
            return
        written = write_resource(project, resource, dry_run=dry_run)
    for path in written:
        typer.echo(path)


def write_resource(project: Project, resource: Resource, *, dry_run: bool = False) -> list[str]:
    """Write the files of a resource, and return their paths."""
    files = render_resource(resource)
    refuse_existing(project.root, files)
    with staged(project.root, files) as stage:
        tables = [resource.plural, *(f"{resource.plural}_{item.name}" for item in resource.manys)]
        migration.write_tables(stage, resource.plural, tables)
        stage.tidy()
        if not dry_run:
            stage.install()
        return stage.files()


def _is_there(project: Project, resource: Resource) -> bool:
    """Tell whether the same command was run before."""
    package = project.package_of(resource.name)
    if package is None:
        return False
    if project.commands_of(package)[:1] == [Command(resource.command)]:
        return True
    raise Problems(
        [f"{resource.name} is there, in app/features/{package}: add to it with `app add field {resource.name} …`"]
    )


def add_to(cli: typer.Typer) -> None:
    """Add these commands to the command line of the project."""
    cli.add_typer(new, name="new", help="Write code: a resource, a page, a feature.")


@new.callback()
def _group() -> None:
    """Write code, with its tests."""
