"""The project's pipelines are valid, and the commands of their jobs work in a new project.

The image is built by tests/test_docker.py.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import PROJECT, Bake
from tests.docker.tools import install_tool
from tests.serving import IN_ONE_PROCESS, environment, run_dev

WORKFLOW = PROJECT / ".github/workflows/ci.yml"
KINDS = PROJECT / "scaffold/templates/deployments"
# GitHub's own actions are pinned to release tags; see docs/pipeline.md.
ZIZMOR = 'rules: {unpinned-uses: {config: {policies: {"actions/*": ref-pin}}}}\n'
# What the jobs would download or send: the tests only install what they can check.
WITHOUT_NETWORK = {"pip-audit": "--dry-run"}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory that tools are installed in."""
    return tmp_path_factory.mktemp("tools")


def run_tool(tools: Path, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool without a network."""
    program = install_tool(name, tools)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tools / name)}
    command = [program, *arguments]
    if name == "check-jsonschema":  # a script of the Python that installed it
        command = [sys.executable, "-m", "check_jsonschema", *arguments]
    return subprocess.run(command, env=environ, check=False, capture_output=True, text=True)


def jobs() -> dict[str, Any]:
    """Return the jobs of the workflow."""
    parsed: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return parsed


def commands(job: str) -> Iterator[str]:
    """Yield the commands of a job."""
    yield from (step["run"] for step in jobs()[job]["steps"] if "run" in step)


def test_actionlint_finds_nothing(tools: Path) -> None:
    done = run_tool(tools, "actionlint", WORKFLOW)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_zizmor_finds_nothing(tools: Path, tmp_path: Path) -> None:
    config = tmp_path / "zizmor.yml"
    config.write_text(ZIZMOR)
    options = ["--offline", "--no-progress", "--persona", "pedantic", "--config", str(config)]

    done = run_tool(tools, "zizmor", *options, PROJECT / ".github")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("github-workflows", ".github/workflows/ci.yml"),
        ("dependabot", ".github/dependabot.yml"),
        ("gitlab-ci", "scaffold/templates/deployments/gitlab/.gitlab-ci.yml"),
    ],
)
def test_files_follow_their_schemas(schema: str, file: str, tools: Path) -> None:
    done = run_tool(
        tools, "check-jsonschema", "--builtin-schema", f"vendor.{schema}", PROJECT / file
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_jobs_may_only_read_and_use_few_actions() -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    used = {step["uses"] for job in jobs().values() for step in job["steps"] if "uses" in step}

    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", name) for name in used)
    assert all(job["timeout-minutes"] <= 30 for job in jobs().values())


def test_supported_python_versions_are_tested() -> None:
    oldest = re.search(r'requires-python = ">=(.+)"', (PROJECT / "pyproject.toml").read_text())
    dockerfile = re.search(r"PYTHON_VERSION=(.+)", (PROJECT / "Dockerfile").read_text())
    gitlab = yaml.safe_load((KINDS / "gitlab/.gitlab-ci.yml").read_text())
    matrix = jobs()["test"]["strategy"]["matrix"]

    assert oldest
    assert dockerfile
    assert matrix["python"][0] == oldest[1]
    assert dockerfile[1] in matrix["python"]
    assert gitlab["test"]["parallel"]["matrix"] == [
        {"PYTHON": matrix["python"], "TEST_DATABASE": matrix["database"]}
    ]


def test_gitlab_runs_the_same_commands() -> None:
    gitlab = yaml.safe_load((KINDS / "gitlab/.gitlab-ci.yml").read_text())

    for job in ("check", "test"):
        ours = [command.strip() for command in commands(job)]
        assert [command.partition(" #")[0] for command in gitlab[job]["script"]] == ours
    audit = " ".join(gitlab["audit"]["script"])
    assert re.findall(r"\S+==\S+", audit) == re.findall(r"\S+==\S+", " ".join(commands("audit")))


def test_commands_of_the_jobs_work(bake: Bake, type_cache: Path, tmp_path: Path) -> None:
    project = bake()
    run_dev(project, "app", "setup")  # installs, as the first command of a job does
    variables = {
        "RUNNER_TEMP": str(tmp_path),
        "MYPY_CACHE_DIR": str(type_cache),
        "TEST_DATABASE": "sqlite",
        "PYTEST_ADDOPTS": "tests/commands/test_setup.py",  # tests/test_runs.py runs all
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **IN_ONE_PROCESS,
    }

    for job in ("check", "test", "audit"):
        for command in commands(job):
            offline = next((flag for name, flag in WITHOUT_NETWORK.items() if name in command), "")
            line = command if 'pip" install' in command else f"{command} {offline}"
            done = subprocess.run(
                ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line],
                cwd=project,
                env={**environment(), **variables},
                check=False,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    names = {
        item["name"] for item in json.loads((tmp_path / "sbom.json").read_text())["components"]
    }
    assert {"fastapi", "sqlalchemy"} <= names


def test_pre_commit_runs_checks_that_exist(bake: Bake) -> None:
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())
    (hook,) = [hook for repo in config["repos"] for hook in repo["hooks"]]

    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    checks = hook["entry"].removeprefix("python3 dev.py check ").split()
    assert checks == ["format", "lint", "types", "imports"]
    assert "Check format" in _check_format(bake())


def _check_format(project: Path) -> str:
    done = subprocess.run(
        [sys.executable, "dev.py", "check", "format"],
        cwd=project,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def test_container_and_debugger_settings_are_json(bake: Bake) -> None:
    project = bake()

    run_dev(project, "app", "new", "deployment", "devcontainer")

    container = json.loads((project / ".devcontainer/devcontainer.json").read_text())
    assert container["image"].endswith(":3.13")
    assert container["name"] == "my-project"
    launch = json.loads((project / ".vscode/launch.json").read_text())
    assert [entry["module"] for entry in launch["configurations"]] == ["app", "pytest"]
