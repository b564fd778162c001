"""Generate the files of a deployment: `app new deployment compose`.

`scaffold/templates/deployments/compose/deploy/Caddyfile` becomes `deploy/Caddyfile`. Files that end in `.j2` are
rendered, others are copied. `about.txt` says in its first line what the kind is for, and below what to do next. There
and in paths, `PROJECT` stands for the project's name.
"""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from slugify import slugify

from app.commands.invocation import say
from app.settings.config import Settings
from scaffold.command_options import DryRun, print_paths, reporting_errors
from scaffold.errors import ScaffoldError, nearest
from scaffold.project import Project
from scaffold.rendering import TEMPLATES, render
from scaffold.staging import staging_area

FOLDER = TEMPLATES / "deployments"
ABOUT = "about.txt"
KINDS = sorted(path.parent.name for path in FOLDER.glob(f"*/{ABOUT}"))


def add_to(new: typer.Typer) -> None:
    """Add this command to `app new`."""
    kinds = "\n\n".join(f"{kind}: {about(kind)[0]}" for kind in KINDS)
    new.command("deployment", epilog=kinds)(new_deployment)


def new_deployment(
    kind: Annotated[str, typer.Argument(help=f"Where to deploy: {', '.join(KINDS)}")], *, dry_run: DryRun = False
) -> None:
    """Generate the files of a deployment. They are yours to change."""
    with reporting_errors():
        written = write_deployment(Project(), kind, dry_run=dry_run)
    print_paths("written", written, dry_run=dry_run)
    if written and not dry_run:
        say(f"\n{_named(about(kind)[1])}")


def about(kind: str) -> tuple[str, str]:
    """Return what a kind is for, in one sentence, and what to do after generating it."""
    summary, _, next_steps = (FOLDER / kind / ABOUT).read_text(encoding="utf-8").partition("\n")
    return summary, next_steps.strip()


def write_deployment(project: Project, kind: str, *, dry_run: bool = False) -> list[str]:
    """Write a deployment. Returns its files, without those that already exist unchanged.

    Raises:
        ScaffoldError: if there is no such kind, or a file exists with other content.
    """
    if kind not in KINDS:
        raise ScaffoldError([f"{kind} is not a kind of deployment: {nearest(kind, KINDS)}"])
    files = _files(project, kind)
    existing = {
        name: (project.root / name).read_text(encoding="utf-8") for name in files if (project.root / name).exists()
    }
    if changed := [name for name, text in existing.items() if text != files[name]]:
        raise ScaffoldError([f"{name} already exists: delete it to have it generated again" for name in changed])
    new = {name: text for name, text in files.items() if name not in existing}
    if not dry_run:
        with staging_area(project.root, new) as stage:
            stage.apply()
        for name, text in new.items():
            if text.startswith("#!"):
                (project.root / name).chmod(0o755)
    return list(new)


def _files(project: Project, kind: str) -> dict[str, str]:
    """Return the files of a kind: path in the project → content."""
    templates = [path for path in (FOLDER / kind).rglob("*") if path.is_file() and path.name != ABOUT]
    paths = {path.relative_to(FOLDER / kind).as_posix(): path for path in sorted(templates)}
    targets = {name: _named(name.removesuffix(".j2")) for name in paths if name.endswith(".j2")}
    copied = {name: path.read_text(encoding="utf-8") for name, path in paths.items() if name not in targets}
    return copied | render(f"deployments/{kind}", targets, _values(project))


def _named(text: str) -> str:
    return re.sub(r"\bPROJECT\b", _slug(), text)


def _slug() -> str:
    """Return the project's name as that of an image, a host, a user on Linux and a Kubernetes service."""
    slug = slugify(str(Settings.model_fields["project_name"].default), max_length=28)
    return slug if slug[:1].isalpha() else f"app-{slug}".rstrip("-")


def _values(project: Project) -> dict[str, str]:
    """Return what the templates know of the project."""
    return {
        "name": str(Settings.model_fields["project_name"].default),
        "description": str(Settings.model_fields["project_description"].default),
        "slug": _slug(),
        "python_version": _python_version(project.root / "Dockerfile"),
    }


def _python_version(dockerfile: Path) -> str:
    """Return the Python version of the image, such as 3.13; without a Dockerfile, the one that runs this."""
    text = dockerfile.read_text(encoding="utf-8") if dockerfile.exists() else ""
    found = re.search(r"^ARG PYTHON_VERSION=(\d+\.\d+)", text, re.MULTILINE)
    return found[1] if found else f"{sys.version_info.major}.{sys.version_info.minor}"
