"""Generate features: a resource, an empty feature or a page."""

import keyword
import re
from html import escape
from pathlib import Path

from app.database.titles import label_of_name
from scaffold import migration
from scaffold.errors import ScaffoldError, nearest
from scaffold.names import Names, camel
from scaffold.project import Project
from scaffold.rendering import render, render_resource
from scaffold.resource import Resource
from scaffold.staging import forbid_overwrite, staging_area

PAGE_ACCESSES = ("public", "signed-in")


def write_resource(project: Project, resource: Resource, *, dry_run: bool = False) -> list[str]:
    """Write a resource. Returns its files, or none if the same command was run before.

    Raises:
        ScaffoldError: if a file or a name is already in use, or another command generated this resource.
    """
    files = new_files(project, resource)
    if not files:
        return []
    with staging_area(project.root, files) as stage:
        migration.write_all(stage, [resource])
        stage.format()
        if not dry_run:
            stage.apply()
        return stage.files()


def new_files(project: Project, resource: Resource) -> dict[str, str]:
    """Return the files of a new resource, or none if the same command was run before.

    Raises:
        ScaffoldError: as `write_resource`.
    """
    package = project.package_of(resource.name)
    if package and project.commands_of(package)[:1] == list(resource.commands):
        return {}
    existing = project.resource_of(package) if package else None
    if existing and existing.content == resource.content:
        return {}
    if package:
        name = resource.name
        raise ScaffoldError(
            [f"{name} already exists in app/features/{package}: add fields with `app add field {name}`"]
        )
    conflicts = project.name_conflicts(resource)
    if conflicts:
        raise ScaffoldError(conflicts)
    files = render_resource(resource)
    forbid_overwrite(project.root, files)
    return files


def write_feature(project: Project, name: str, *, dry_run: bool = False) -> list[str]:
    """Write an empty feature. Returns its files, or none if it already exists unchanged.

    Raises:
        ScaffoldError: if the name is invalid or in use.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise ScaffoldError([f"{name}: invalid feature name: use snake_case like reports"])
    feature, tests = f"app/features/{name}", f"tests/features/{name}"
    targets = {
        "__init__.py.j2": f"{feature}/__init__.py",
        "schemas.py.j2": f"{feature}/schemas.py",
        "service.py.j2": f"{feature}/service.py",
        "routes.py.j2": f"{feature}/routes.py",
        "test_api.py.j2": f"{tests}/test_api.py",
    }
    values = {"f": Names(camel(name), name)}
    return _write(project, render("feature", targets, values), dry_run=dry_run)


def write_page(project: Project, path: str, *, title: str | None, access: str, dry_run: bool = False) -> list[str]:
    """Write a page. Returns its files, or none if it already exists unchanged.

    Raises:
        ScaffoldError: if the project has no pages, or the URL path is invalid or in use.
    """
    path = path.strip("/")
    name = re.sub(r"[/-]", "_", path)
    errors = []
    if not project.has_pages:
        errors.append("this project was generated without web pages")
    if not re.fullmatch(r"[a-z][a-z0-9]*([/-][a-z0-9]+)*", path) or keyword.iskeyword(name):
        errors.append(f"{path}: invalid URL path: use lowercase letters, digits, - and /, for example legal/imprint")
    if access not in PAGE_ACCESSES:
        errors.append(f"--access {access}: {nearest(access, PAGE_ACCESSES)}")
    if errors:
        raise ScaffoldError(errors)
    feature, tests = f"app/features/{name}", f"tests/features/{name}"
    targets = {
        "__init__.py.j2": f"{feature}/__init__.py",
        "pages.py.j2": f"{feature}/pages.py",
        "page.html.j2": f"{feature}/templates/{name}/show.html",
        "test_pages.py.j2": f"{tests}/test_pages.py",
    }
    if access == "public":
        targets["public_routes.txt.j2"] = f"{tests}/public_routes.txt"
    heading = escape(title or label_of_name(path.rpartition("/")[2].replace("-", "_")))
    heading = heading.replace("{", "&#123;").replace("\\", "&#92;")  # a string in the template
    values = {"name": name, "path": path, "title": heading, "public": access == "public"}
    return _write(project, render("page", targets, values), dry_run=dry_run)


def _write(project: Project, files: dict[str, str], *, dry_run: bool) -> list[str]:
    """Write the files. Returns their paths, or none if they all exist unchanged."""
    with staging_area(project.root, files) as stage:
        stage.format()
        if all(_is_same(project.root / name, stage.folder / name) for name in stage.files()):
            return []
        forbid_overwrite(project.root, files)
        if not dry_run:
            stage.apply()
        return stage.files()


def _is_same(path: Path, written: Path) -> bool:
    return path.exists() and path.read_bytes() == written.read_bytes()
