"""The container files are valid, and the same in template and project."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.baking import PROJECT, TEMPLATE
from tests.docker.tools import install_tool

FOLDERS = [pytest.param(TEMPLATE, id="template"), pytest.param(PROJECT, id="project")]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory that tools are installed in."""
    return tmp_path_factory.mktemp("tools")


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("version", ["1", "2", "5"])
def test_docker_compose_accepts_the_file(version: str, folder: Path, tools: Path) -> None:
    program = (
        Path("/usr/bin/docker-compose")
        if version == "1"
        else install_tool(f"compose-{version}", tools)
    )
    if not program.exists():
        pytest.skip("missing: apt-get install --no-install-recommends docker-compose")

    done = _run(program, "--file", folder / "docker-compose.yml", "config", "--quiet")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("folder", FOLDERS)
def test_hadolint_finds_nothing(folder: Path, tools: Path) -> None:
    done = _run(install_tool("hadolint", tools), folder / "Dockerfile")

    assert (done.returncode, done.stdout) == (0, "")


def test_dockerfile_of_the_template_has_the_stages_of_the_project() -> None:
    stages = re.split(r"(?m)^(?=FROM )", (TEMPLATE / "Dockerfile").read_text())
    ours, theirs = "".join(stages[2:]), (PROJECT / "Dockerfile").read_text()

    assert stages[1].startswith("FROM python:${PYTHON_VERSION}-slim AS generate\n")
    assert "COPY --from=generate /project/" in ours
    assert ours.replace("--from=generate /project/", "") == theirs[theirs.index("FROM ") :]


def test_compose_file_of_the_template_has_the_services_of_the_project() -> None:
    ours, theirs = ((folder / "docker-compose.yml").read_text() for folder in (TEMPLATE, PROJECT))

    assert ours[ours.index("x-app:") :] == theirs[theirs.index("x-app:") :]


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    return subprocess.run(
        command,
        check=False,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
