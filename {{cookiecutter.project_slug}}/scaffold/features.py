"""Smaller things than a resource: an empty feature, a page."""

import keyword
import re
from html import escape
from pathlib import Path

from scaffold.grammar import ScaffoldError, nearest
from scaffold.names import Names, camel, label
from scaffold.project import Project
from scaffold.rendering import render
from scaffold.staging import forbid_overwrite, staging_area

PAGE_ACCESSES = ("public", "signed-in")


def write_feature(project: Project, name: str, *, dry_run: bool = False) -> list[str]:
    """Write an empty feature, and return its files, or none when it is there already.

    Raises:
        Problems: when the name cannot be used, or is.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise ScaffoldError([f"{name}: invalid feature name; use snake_case like reports"])
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
    """Write a page, and return its files, or none when it is there already.

    Raises:
        Problems: when the project has no pages, or the address cannot be used.
    """
    path = path.strip("/")
    name = re.sub(r"[/-]", "_", path)
    problems = []
    if not project.has_pages:
        problems.append("this project was generated without pages")
    if not re.fullmatch(r"[a-z][a-z0-9]*([/-][a-z0-9]+)*", path) or keyword.iskeyword(name):
        problems.append(
            f"{path}: a page's URL path consists of lowercase letters, digits, - and /, for example legal/imprint"
        )
    if access not in PAGE_ACCESSES:
        problems.append(f"--access {access}: {nearest(access, PAGE_ACCESSES)}")
    if problems:
        raise ScaffoldError(problems)
    feature, tests = f"app/features/{name}", f"tests/features/{name}"
    targets = {
        "__init__.py.j2": f"{feature}/__init__.py",
        "pages.py.j2": f"{feature}/pages.py",
        "page.html.j2": f"{feature}/templates/{name}/show.html",
        "test_pages.py.j2": f"{tests}/test_pages.py",
    }
    if access == "public":
        targets["public.txt.j2"] = f"{tests}/public.txt"
    shown = escape(title or label(path.rpartition("/")[2].replace("-", "_"))).replace("{", "&#123;")
    values = {"name": name, "path": path, "title": shown, "public": access == "public"}
    return _write(project, render("page", targets, values), dry_run=dry_run)


def _write(project: Project, files: dict[str, str], *, dry_run: bool) -> list[str]:
    """Write the files and return their names, or none when all of them are there just so."""
    with staging_area(project.root, files) as stage:
        stage.tidy()
        if all(_is_same(project.root / name, stage.folder / name) for name in stage.files()):
            return []
        forbid_overwrite(project.root, files)
        if not dry_run:
            stage.install()
        return stage.files()


def _is_same(path: Path, written: Path) -> bool:
    return path.exists() and path.read_bytes() == written.read_bytes()
