"""`app new deployment` writes the files of one kind of deployment, or explains why it can't."""

import os
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("scaffold", reason="an image has no tools")

from app.settings.config import Settings
from scaffold import deployments
from scaffold.errors import ScaffoldError
from scaffold.project import Project

pytestmark = pytest.mark.any_database

MARKS = re.compile(r"<<[ \w.]+>>|<%|%>|^\s*%%", re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with only what the command needs."""
    (tmp_path / "pyproject.toml").write_text("[tool.ruff.lint]\nselect = ['F']\n")
    (tmp_path / "Dockerfile").write_text("# An image\nARG PYTHON_VERSION=3.99\n")
    return Project(tmp_path)


@pytest.mark.parametrize("kind", deployments.KINDS)
def test_each_kind_is_written_once(project: Project, kind: str) -> None:
    planned = deployments.write_deployment(project, kind, dry_run=True)

    assert planned
    assert not any((project.root / name).exists() for name in planned)
    assert deployments.write_deployment(project, kind) == planned
    assert deployments.write_deployment(project, kind) == []
    assert [name for name in planned if MARKS.search((project.root / name).read_text())] == []


@pytest.mark.parametrize("kind", deployments.KINDS)
def test_only_scripts_are_executable(project: Project, kind: str) -> None:
    for name in deployments.write_deployment(project, kind):
        file = project.root / name
        assert os.access(file, os.X_OK) == file.read_text().startswith("#!"), name


def test_changed_file_is_not_overwritten(project: Project) -> None:
    first, second, *_ = deployments.write_deployment(project, "compose")
    (project.root / first).write_text("mine\n")
    (project.root / second).unlink()

    with pytest.raises(ScaffoldError, match=f"^{first} already exists: delete it to have it generated again$"):
        deployments.write_deployment(project, "compose")

    assert (project.root / first).read_text() == "mine\n"
    assert not (project.root / second).exists()


def test_deleted_file_is_generated_again(project: Project) -> None:
    first, *_ = deployments.write_deployment(project, "compose")
    text = (project.root / first).read_text()
    (project.root / first).unlink()

    assert deployments.write_deployment(project, "compose") == [first]

    assert (project.root / first).read_text() == text


def test_unknown_kind_is_explained(project: Project) -> None:
    with pytest.raises(ScaffoldError, match=r"^compos is not a kind of deployment: did you mean compose\?$"):
        deployments.write_deployment(project, "compos")


def test_help_says_what_each_kind_is_for() -> None:
    cli = typer.Typer()
    cli.callback()(lambda: None)
    deployments.add_to(cli)

    printed = " ".join(CliRunner().invoke(cli, ["deployment", "--help"]).output.split())

    assert deployments.KINDS
    for kind in deployments.KINDS:
        summary, next_steps = deployments.about(kind)
        assert summary.endswith(".")
        assert f"{kind}: {summary}" in printed
        assert next_steps


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My Project", "my-project"),
        ("3D Prints", "app-3d-prints"),
        ("Übersicht für Straßenbahnen in Köln", "ubersicht-fur-strassenbahnen"),
        ("图书", "tu-shu"),
    ],
)
def test_project_is_named_in_paths_and_next_steps(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, slug: str
) -> None:
    monkeypatch.setattr(Settings.model_fields["project_name"], "default", name)

    written = deployments.write_deployment(project, "systemd")

    assert f"deploy/systemd/units/{slug}-web.service" in written
    assert f"User={slug}\n" in (project.root / f"deploy/systemd/units/{slug}-.service.d/common.conf").read_text()
