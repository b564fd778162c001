"""`app destroy Book`: delete a resource.

A file goes when git has it as it is, or when it is what the templates write; anything else is work of yours.
"""

import asyncio
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from alembic.script import Script
from pydantic import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from app.database import revisions
from app.database.connection import open_database
from app.settings.config import DatabaseSettings, load_settings
from scaffold import migration
from scaffold.grammar import ScaffoldError
from scaffold.project import Project
from scaffold.rendering import render_resource
from scaffold.staging import rollback_on_failure, staging_area


class Removal(NamedTuple):
    """What it took to delete a resource."""

    deleted: list[str]
    written: list[str]
    """The migration that drops its tables, where the one that made them has to stay."""


def destroy(project: Project, name: str, *, force: bool = False, dry_run: bool = False) -> Removal | None:
    """Delete a resource; nothing when there is none.

    Raises:
        Problems: when something refers to it, or files would be lost.
    """
    package = project.package_of(name)
    if package is None:
        return None
    files = _files(project, package)
    found = migration.revisions_of(project.root, package)
    files += [Path(script.path).relative_to(project.root).as_posix() for script in found.scripts]
    problems = _references(project, package)
    if not force:
        problems += [
            f"{file} is not committed: commit it, or use --force" for file in _unsaved(project, package, files)
        ]
    problems += _applied(found.scripts)
    if problems:
        raise ScaffoldError(problems)
    return _remove(project, package, files, drop=found.stay, dry_run=dry_run)


def _remove(project: Project, package: str, files: list[str], *, drop: bool, dry_run: bool) -> Removal:
    with staging_area(project.root, {}) as stage:
        if drop:
            migration.write_drop(stage, package)
            stage.tidy()
        written = stage.files()
        if dry_run:
            return Removal(files, written)
        with rollback_on_failure(project.root) as undo:
            for file in files:
                undo.remember(file)
                (project.root / file).unlink()
            stage.install()
        _remove_empty(project, package)
        return Removal(files, written)


def _remove_empty(project: Project, package: str) -> None:
    """Remove the folders that have no more than what Python keeps for itself."""
    for folder in (project.features / package, project.root / "tests" / "features" / package):
        if folder.is_dir() and not [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]:
            shutil.rmtree(folder)


def _files(project: Project, package: str) -> list[str]:
    folders = (project.features / package, project.root / "tests" / "features" / package)
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sorted(path.relative_to(project.root).as_posix() for path in found)


def _references(project: Project, package: str) -> list[str]:
    """Say what imports it."""
    pattern = re.compile(rf"\b(app|tests)\.features\.{package}\b|\bfeatures import .*\b{package}\b|\"{package}\.id\"")
    problems = []
    for path in sorted([*(project.root / "app").rglob("*.py"), *(project.root / "tests").rglob("*.py")]):
        inside = path.relative_to(project.root)
        if package not in inside.parts and pattern.search(path.read_text()):
            problems.append(f"{inside.as_posix()} refers to it: change that file first, or destroy its resource")
    return problems


def _unsaved(project: Project, package: str, files: list[str]) -> list[str]:
    """Return the files that neither git nor the templates could bring back."""
    saved = _in_git(project.root, files)
    left = [file for file in files if file not in saved]
    resource = project.resource_of(package) if left else None
    if resource is None:
        return left
    with staging_area(project.root, render_resource(resource)) as stage:
        migration.write_tables(stage, resource)
        stage.tidy()
        written = {_without_ids((stage.folder / name).read_text()) for name in stage.files()}
    return [file for file in left if _without_ids((project.root / file).read_text()) not in written]


def _without_ids(text: str) -> str:
    """Leave out what is another one in each migration."""
    return re.sub(r"^(Revision ID: |Revises: |revision = |down_revision = ).*$", r"\1", text, flags=re.MULTILINE)


def _applied(scripts: list[Script]) -> list[str]:
    """Say when the database is at a migration that is to go: it could not find its way back then."""
    with suppress(ValidationError, DBAPIError, OSError):  # no settings, no database: nothing to go back from
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
    """Return the files that the last commit has as they are."""
    tracked = _git(root, "ls-files", "-z", "--", *files)
    changed = _git(root, "diff", "--name-only", "--relative", "-z", "HEAD", "--", *files)
    return set() if tracked is None or changed is None else tracked - changed


def _git(root: Path, *words: str) -> set[str] | None:
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run([git, *words], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return None if done.returncode else set(filter(None, done.stdout.split("\0")))
