"""Change the commands that generated features, and with them the code, the tests and the database.

The templates are rendered with the old commands and with the new ones, and the difference is merged into your files.
Features that refer to a changed resource follow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from scaffold.changed_tables import write_changes
from scaffold.errors import ScaffoldError
from scaffold.expansion import waiting_errors
from scaffold.mentions import Mention, find_mentions, without_generated
from scaffold.project import Command, Project
from scaffold.renaming import Renamed, rename
from scaffold.rendering import render, render_resource
from scaffold.resource import Resource
from scaffold.staging import StagingArea, staging_area
from scaffold.symbols import Symbols
from scaffold.table_changes import Renames
from scaffold.three_way_merge import MergeConflict, merge


@dataclass(frozen=True)
class Edit:
    """A change of the commands that generated features."""

    package: str
    """The feature that changes."""
    commands: Mapping[str, list[Command]]
    """The new commands of each feature whose commands change."""
    message: str
    """The first line of the migration."""
    renames: Renames = field(default_factory=Renames)
    renaming: bool = False
    """Whether the change only renames."""
    safe: bool = False
    """Whether the previous release can run on the new schema."""
    expand: bool = False
    """Whether the previous release must be able to run on the new schema until a contract step is applied."""
    words: tuple[str, ...] = ()
    """Words that may mean what was renamed or removed. Lines by hand that contain them are reported."""
    new_package: str = ""
    """The new name of the feature, if it is renamed."""

    def moved(self, path: str) -> str:
        """Return where a file of the project is afterwards."""
        folder, new = f"features/{self.package}/", f"features/{self.new_package}/"
        if not self.new_package or not path.removeprefix("app/").removeprefix("tests/").startswith(folder):
            return path
        inside = path.replace(folder, new, 1)
        return inside.replace(f"{new}templates/{self.package}/", f"{new}templates/{self.new_package}/", 1)


class Edited(NamedTuple):
    """What an edit changed."""

    changed: list[str]
    mentions: list[Mention]


def carry_out(project: Project, edit: Edit, *, dry_run: bool = False) -> Edited:
    """Carry out an edit.

    Raises:
        ScaffoldError: if the new commands are invalid, or conflict with your changes; nothing was changed.
    """
    with staging_area(project.root, {}) as stage:
        stage.copy_in("app")
        if edit.new_package:
            _move(stage, edit)
        before, after = rendered_versions(project, stage, edit)
        merged = merged_files(project, before, after, edit.moved, by_words=edit.renaming)
        files, users = _follow(project, edit, before, after, merged)
        stage.write(files)
        write_changes(stage, edit.message, edit.renames, safe=edit.safe, expand=edit.expand)
        stage.format()
        mentions = [
            found for name in users for found in find_mentions(name, stage.read(name), after.get(name, ""), edit.words)
        ]
        if not dry_run:
            stage.apply()
        return Edited(stage.files(), without_generated(project, stage, mentions))


def _move(stage: StagingArea, edit: Edit) -> None:
    """Rename the folders of a feature."""
    for top in ("app", "tests"):
        stage.move(f"{top}/features/{edit.package}", f"{top}/features/{edit.new_package}")
    templates = stage.folder / "app" / "features" / edit.new_package / "templates"
    if (templates / edit.package).exists():
        (templates / edit.package).rename(templates / edit.new_package)


def rendered_versions(project: Project, stage: StagingArea, edit: Edit) -> tuple[dict[str, str], dict[str, str]]:
    """Return the files of the resources that differ, before and after the edit. The features must be staged.

    Raises:
        ScaffoldError: if the new commands are invalid, or a contract step is waiting that needs the old ones.
    """
    versions = _versions(project, stage, edit)
    own = [(before, after) for before, after in versions if before.plural == edit.package]
    if errors := [error for before, after in own for error in waiting_errors(project.root, before, after)]:
        raise ScaffoldError(errors)
    before, after = (stage.formatted(_rendered(resources)) for resources in zip(*versions, strict=True))
    return before, after


def _versions(project: Project, stage: StagingArea, edit: Edit) -> list[tuple[Resource, Resource]]:
    """Return the resources that differ, before and after the edit.

    Raises:
        ScaffoldError: if the new commands are invalid.
    """
    for package, commands in edit.commands.items():
        resource = Resource("", package, commands=tuple(commands))
        path = edit.moved(f"app/features/{package}/__init__.py")
        stage.write(render("resource", {"app/__init__.py.j2": path}, {"r": resource}))
        stage.copied.add(path)
    changed = Project(stage.folder, {edit.package: edit.new_package} if edit.new_package else {})
    versions = []
    for package in project.packages():
        before = project.resource_of(package)
        if before is not None:
            new = edit.new_package if package == edit.package and edit.new_package else package
            after = changed.parse(new, changed.commands_of(new))
            versions += [(before, after)] if before != after else []
    return versions


def _rendered(resources: tuple[Resource, ...]) -> dict[str, str]:
    return {name: text for resource in resources for name, text in render_resource(resource).items()}


def merged_files(
    project: Project,
    before: dict[str, str],
    after: dict[str, str],
    moved: Callable[[str], str] = str,
    *,
    by_words: bool = False,
) -> dict[str, str]:
    """Return the files that change, merged. Files that were deleted from the project stay deleted.

    Raises:
        ScaffoldError: if your changes conflict with them.
    """
    changed: dict[str, str] = {}
    conflicts: list[str] = []
    origins = {moved(name): name for name in before}
    for name, text in after.items():
        origin = origins.get(name, name)
        path = project.root / origin
        if before.get(origin) == text or not path.exists():
            continue
        mine = path.read_text(encoding="utf-8")
        try:
            changed[name] = merge(before.get(origin, ""), mine, text, by_words=by_words)
        except MergeConflict as conflict:
            conflicts.append(
                f"{origin} conflicts with your changes. Apply this by hand and run the command again:\n{conflict}"
            )
    if conflicts:
        raise ScaffoldError(conflicts)
    return {name: text for name, text in changed.items() if text != _text(project.root / name)}


def _follow(
    project: Project, edit: Edit, before: dict[str, str], after: dict[str, str], merged: dict[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Rename what was written by hand. Returns the files that change, and the names of those that use the resource.

    Raises:
        ScaffoldError: if code by hand uses what is removed.
    """
    packages = {f"{top}.features.{edit.package}": f"{top}.features.{edit.new_package}" for top in ("app", "tests")}
    symbols = Symbols(edit.renaming, packages if edit.new_package else {})
    for name, text in before.items():
        if name.endswith(".py"):
            symbols.add(_module(name), text, after.get(edit.moved(name), ""))
    files, errors, users = dict(merged), [], []
    for path in _code_of(project.root):
        old = path.relative_to(project.root).as_posix()
        name, mine = edit.moved(old), path.read_text(encoding="utf-8")
        text = merged.get(name, mine)
        found = rename(text, _module(old), symbols, name, mine) if path.suffix == ".py" else Renamed(text)
        errors += [f"{old} uses {removed}: change this line first: {line}" for line, removed in found.removed]
        if found.text != mine:
            files[name] = found.text
        if found.imports_it or edit.package in path.parts or (edit.new_package and f"/{edit.package}" in text):
            users.append(name)
    if errors:
        raise ScaffoldError(errors)
    return files, users


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _code_of(root: Path) -> list[Path]:
    folders = [root / "app", root / "tests"]
    return sorted(path for folder in folders for kind in ("*.py", "*.html") for path in folder.rglob(kind))


def _module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
