"""A project records its template, so that `cruft` (and one day `app upgrade`) can update it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local_extensions import docs_url, git_commit, template_location
from tests.baking import PROJECT, TEMPLATE, tree


@pytest.fixture(scope="module")
def clone(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a repository of the template."""
    clone = shutil.copytree(template, tmp_path_factory.mktemp("clone") / "fireup")
    _git(clone, "init", "--quiet")
    _git(clone, "add", "--all")
    _git(clone, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-qm", "One")
    return clone


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(
            ["project_name=Zoë's Shop", "pages=no", "license=BSD-3-Clause"], id="pages-off"
        ),
        pytest.param(["admin=no", "deploy=no"], id="admin-and-deploy-off"),
    ],
)
def test_recorded_answers_generate_the_same_project(
    clone: Path, tmp_path: Path, answers: list[str]
) -> None:
    project = _generate(clone, tmp_path / "first", *answers)

    origin = json.loads((project / ".cruft.json").read_text(encoding="utf-8"))
    recorded = [f"{key}={value}" for key, value in origin["context"]["cookiecutter"].items()]
    again = _generate(clone, tmp_path / "second", *recorded)

    assert origin["template"] == clone.resolve().as_posix()
    assert origin["commit"] == _git(clone, "rev-parse", "HEAD").strip()
    assert tree(again) == tree(project)


def test_template_location_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert template_location(".") == tmp_path.resolve().as_posix()
    assert template_location("gh:owner/name") == "https://github.com/owner/name.git"
    assert template_location("https://example.com/name.git") == "https://example.com/name.git"


def test_readme_links_to_the_documentation_of_the_template(clone: Path, tmp_path: Path) -> None:
    readme = (_generate(clone, tmp_path / "new") / "README.md").read_text(encoding="utf-8")

    link = re.search(r"template's documentation\]\(<(.+)>\)", readme)

    assert link
    assert Path(link[1]) == clone.resolve() / "docs/README.md"


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/owner/name.git",
        "https://user:token@github.com/owner/name",
        "ssh://git@github.com/owner/name.git",
        "git@github.com:owner/name.git",
    ],
)
def test_documentation_url_is_on_the_hosting_site(tmp_path: Path, remote: str) -> None:
    _git(tmp_path, "init", "--quiet")
    assert docs_url(str(tmp_path)) == f"{tmp_path.resolve().as_posix()}/docs"

    _git(tmp_path, "remote", "add", "origin", remote)

    hosted = "https://github.com/owner/name/blob/HEAD/docs"
    assert docs_url(str(tmp_path)) == docs_url(remote) == hosted
    assert docs_url("gh:owner/name") == hosted


def test_origin_is_unknown_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", "/nowhere")

    assert git_commit(str(tmp_path)) == ""
    assert docs_url(str(tmp_path)) == f"{tmp_path.resolve().as_posix()}/docs"


def test_template_is_under_the_mit_license() -> None:
    text = (TEMPLATE / "LICENSE").read_text(encoding="utf-8")

    assert text.startswith("MIT License\n\nCopyright (c) 2026 The Fireup authors\n")
    assert text.split("\n", 3)[3] == (PROJECT / "licenses/MIT").read_text().split("\n", 3)[3]


def _generate(template: Path, folder: Path, *answers: str) -> Path:
    folder.mkdir()
    config = folder / "config.yaml"
    config.write_text(f"replay_dir: {folder / 'replay'}\n", encoding="utf-8")
    options = ["--no-input", "--config-file", str(config), "--output-dir", str(folder / "out")]
    command = [sys.executable, "-m", "cookiecutter", str(template), *options, *answers]
    subprocess.run(command, check=True)
    (project,) = (folder / "out").iterdir()
    return project


def _git(folder: Path, *arguments: str) -> str:
    git = ["git", "-C", str(folder), *arguments]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout
