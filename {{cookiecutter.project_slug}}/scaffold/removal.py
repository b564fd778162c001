"""`app destroy Book`: delete a resource.

A file is deleted only if the last commit contains it, or if it is what the templates generate.
"""

import asyncio
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from pydantic import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from app.database import revisions
from app.database.connection import open_database
from app.settings.config import DatabaseSettings, load_settings
from scaffold import migration
from scaffold.errors import ScaffoldError
from scaffold.expansion import waiting_errors
from scaffold.project import Project
from scaffold.rendering import render_resource
from scaffold.staging import staging_area


class Removal(NamedTuple):
    """What changed when a resource was deleted."""

    deleted: list[str]
    written: list[str]
    """The migration that drops its tables, if those that created them can't be deleted."""


def destroy(project: Project, name: str, *, force: bool = False, dry_run: bool = False) -> Removal:
    """Delete a resource.

    Raises:
        ScaffoldError: if it is unknown, other code refers to it, or uncommitted files would be lost.
    """
    package = project.package_of(name)
    if package is None:
        raise ScaffoldError([project.unknown(name)])
    files = _files(project, package)
    found = revisions_of(project.root, package)
    files += [Path(script.path).relative_to(project.root).as_posix() for script in found.scripts]
    errors = _references(project, package)
    if resource := project.resource_of(package):
        errors += waiting_errors(project.root, resource, None)
    if not force:
        errors += [f"{file} is not committed: commit it, or use --force" for file in _unsaved(project, package, files)]
    errors += _applied(found.scripts)
    if errors:
        raise ScaffoldError(errors)
    return _remove(project, package, files, drop=found.keep, dry_run=dry_run)


@dataclass(frozen=True)
class Revisions:
    """The migrations of a feature."""

    scripts: list[Script]
    """Those that can be deleted, newest first: nothing else depends on them."""
    keep: bool
    """Whether other migrations follow them, so that a new one has to drop the tables."""


def revisions_of(root: Path, package: str) -> Revisions:
    """Find the migrations that create or change the tables of a feature."""
    config = Config()
    config.set_main_option("script_location", str(root / "migrations").replace("%", "%%"))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    about = re.compile(r'\bop\.(?:(?:create|drop|rename|batch_alter)_table|alter_column)\(\s*"(\w+)"')
    tables = {script.revision: set(about.findall(Path(script.path).read_text())) for script in scripts}
    own = [script for script in scripts if tables[script.revision] & {package}]
    packages = set(Project(root).packages())
    newest = list(
        takewhile(
            lambda script: {_package_of(table, packages) for table in tables[script.revision]} == {package}, scripts
        )
    )
    return Revisions(newest, keep=False) if set(own) <= set(newest) else Revisions([], keep=True)


def _package_of(table: str, packages: set[str]) -> str | None:
    """Return the feature of a table or association table: the longest name, so that news_items is not of news."""
    return max((name for name in packages if f"{table}_".startswith(f"{name}_")), key=len, default=None)


def _remove(project: Project, package: str, files: list[str], *, drop: bool, dry_run: bool) -> Removal:
    with staging_area(project.root, {}) as stage:
        if drop:
            migration.write_drop(stage, package)
            stage.format()
        stage.deleted += files
        if not dry_run:
            stage.apply()
        return Removal(files, stage.files())


def _files(project: Project, package: str) -> list[str]:
    folders = (project.features / package, project.root / "tests" / "features" / package)
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sorted(path.relative_to(project.root).as_posix() for path in found)


def _references(project: Project, package: str) -> list[str]:
    """Return an error for each file that imports it."""
    pattern = re.compile(rf"\b(app|tests)\.features\.{package}\b|\bfeatures import .*\b{package}\b|\"{package}\.id\"")
    errors = []
    for path in sorted([*(project.root / "app").rglob("*.py"), *(project.root / "tests").rglob("*.py")]):
        inside = path.relative_to(project.root)
        if package not in inside.parts and pattern.search(path.read_text()):
            errors.append(f"{inside.as_posix()} refers to {package}: change that file first, or destroy its resource")
    return errors


def _unsaved(project: Project, package: str, files: list[str]) -> list[str]:
    """Return the files that neither git nor the templates could restore."""
    saved = _in_git(project.root, files)
    left = [file for file in files if file not in saved]
    resource = project.resource_of(package) if left else None
    if resource is None:
        return left
    with staging_area(project.root, render_resource(resource)) as stage:
        migration.write_all(stage, [resource])
        stage.format()
        written = {_without_ids((stage.folder / name).read_text()) for name in stage.files()}
    return [file for file in left if _without_ids((project.root / file).read_text()) not in written]


def _without_ids(text: str) -> str:
    """Remove what differs between two runs of the same command: the ids of a migration."""
    return re.sub(r"^(Revision ID: |Revises: |revision = |down_revision = ).*$", r"\1", text, flags=re.MULTILINE)


def _applied(scripts: list[Script]) -> list[str]:
    """Return an error if the migration to delete is applied: the database could no longer downgrade."""
    with suppress(ValidationError, DBAPIError, OSError):  # no settings or no database: nothing is applied
        settings = load_settings().database
        sqlite = settings.url.startswith("sqlite")
        if sqlite and not Path(make_url(settings.url).database or "").exists():
            return []
        if asyncio.run(_revisions(settings)) & {script.revision for script in scripts}:
            return [
                f"the table still exists in your database: run `app db downgrade {scripts[-1].down_revision}` first"
            ]
    return []


async def _revisions(settings: DatabaseSettings) -> frozenset[str]:
    async with open_database(settings) as database, database.read_sessions() as session:
        return await revisions.applied(session)


def _in_git(root: Path, files: list[str]) -> set[str]:
    """Return the files that equal those of the last commit."""
    tracked = _git(root, "ls-files", "-z", "--", *files)
    changed = _git(root, "diff", "--name-only", "--relative", "-z", "HEAD", "--", *files)
    return set() if tracked is None or changed is None else tracked - changed


def _git(root: Path, *arguments: str) -> set[str] | None:
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run([git, *arguments], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    return None if done.returncode else set(filter(None, done.stdout.split("\0")))
