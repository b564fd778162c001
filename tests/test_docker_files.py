"""The container files are valid, and the same in template and project."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.baking import PROJECT, TEMPLATE
from tests.docker.tools import install_tool

DEPLOYMENT = PROJECT / "scaffold" / "templates" / "deployments" / "compose" / "deploy"
OVERRIDES = ("compose.redis.yml", "compose.pgbouncer.yml")
FOLDERS = [pytest.param(TEMPLATE, id="template"), pytest.param(PROJECT, id="project")]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory that tools are installed in."""
    return tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a deployment with its settings."""
    folder = shutil.copytree(DEPLOYMENT, tmp_path_factory.mktemp("deployment") / "deploy")
    settings = (folder / ".env.example.j2").read_text(encoding="utf-8")
    (folder / ".env").write_text(settings.replace("<<slug>>", "shop"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("version", ["1", "2", "5"])
def test_docker_compose_accepts_the_file(version: str, folder: Path, tools: Path) -> None:
    compose = _find_compose(version, tools)

    done = _run(compose, "--file", folder / "docker-compose.yml", "config", "--quiet")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("override", ["", *OVERRIDES])
@pytest.mark.parametrize("version", ["1", "2", "5"])
def test_docker_compose_accepts_the_files_of_production(
    version: str, override: str, deployment: Path, tools: Path
) -> None:
    names = ["compose.production.yml", *([override] if override else [])]
    files = [word for name in names for word in ("--file", deployment / name)]
    compose = _find_compose(version, tools)

    without_release = _run(compose, *files, "config", "--quiet")
    done = _run(compose, *files, "config", "--quiet", RELEASE="1")

    assert without_release.returncode != 0
    assert "run ./rollout" in without_release.stderr
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "file",
    [TEMPLATE / "Dockerfile", PROJECT / "Dockerfile", DEPLOYMENT / "pgbouncer" / "Dockerfile"],
    ids=["template", "project", "pgbouncer"],
)
def test_hadolint_finds_nothing(file: Path, tools: Path) -> None:
    done = _run(install_tool("hadolint", tools), file)

    assert (done.returncode, done.stdout) == (0, "")


def test_shellcheck_finds_nothing(tools: Path) -> None:
    scripts = (DEPLOYMENT / "rollout", DEPLOYMENT / "pgbouncer" / "start.sh")

    done = _run(install_tool("shellcheck", tools), *scripts)

    assert (done.returncode, done.stdout) == (0, "")


def test_caddy_accepts_its_file(tools: Path) -> None:
    caddy, file = install_tool("caddy", tools), DEPLOYMENT / "caddy" / "Caddyfile"

    validated = _run(
        caddy, "validate", "--adapter", "caddyfile", "--config", file, DOMAIN="shop.example.com"
    )
    formatted = _run(caddy, "fmt", file)

    assert validated.returncode == 0, validated.stderr
    assert formatted.stdout == file.read_text(encoding="utf-8")


def test_dockerfile_of_the_template_has_the_stages_of_the_project() -> None:
    stages = re.split(r"(?m)^(?=FROM )", (TEMPLATE / "Dockerfile").read_text())
    ours, theirs = "".join(stages[2:]), (PROJECT / "Dockerfile").read_text()

    assert stages[1].startswith("FROM python:${PYTHON_VERSION}-slim AS generate\n")
    assert "COPY --from=generate /project/" in ours
    assert ours.replace("--from=generate /project/", "") == theirs[theirs.index("FROM ") :]


def test_compose_file_of_the_template_has_the_services_of_the_project() -> None:
    ours, theirs = ((folder / "docker-compose.yml").read_text() for folder in (TEMPLATE, PROJECT))

    assert ours[ours.index("x-app:") :] == theirs[theirs.index("x-app:") :]


def _find_compose(version: str, tools: Path) -> Path:
    if version != "1":
        return install_tool(f"compose-{version}", tools)
    program = Path("/usr/bin/docker-compose")
    if not program.exists():
        pytest.skip("missing: apt-get install --no-install-recommends docker-compose")
    return program


def _run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **variables}
    return subprocess.run(
        command,
        check=False,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
