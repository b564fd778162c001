"""The files of `app new deployment` for Kubernetes, and for servers with systemd."""

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import Bake
from tests.deployments import (
    SECRETS,
    app,
    python,
    run_worker,
    serving,
    validate_kubernetes,
    write_deployments,
)
from tests.docker.tools import install_tool
from tests.serving import Visitor, environment, find_free_port, run_in

MOST_EXPOSED = 1.5


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """Generate a project with these deployments."""
    folder = bake(project_name="My Project")
    write_deployments(folder, "kubernetes", "systemd")
    return folder


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory that tools are installed in."""
    return tmp_path_factory.mktemp("tools")


# --- Kubernetes


def kubernetes_objects(project: Path, tools: Path, part: str) -> tuple[str, list[dict[str, Any]]]:
    """Render a kustomization; return the text and the objects."""
    kubectl = install_tool("kubectl", tools)
    folder = project / "deploy" / "kubernetes" / part
    done = subprocess.run(
        [kubectl, "kustomize", folder], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, list(yaml.safe_load_all(done.stdout))


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the specification of the pods of each Deployment and Job."""
    kinds = {"Deployment", "Job"}
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] in kinds
    }


def is_web(each: dict[str, Any]) -> bool:
    """Return whether this is the Deployment of the web server."""
    return (each["kind"], each["metadata"]["name"]) == ("Deployment", "my-project-web")


def test_kubernetes_objects_are_valid(project: Path, tools: Path) -> None:
    text, _ = kubernetes_objects(project, tools, "app")
    setup, _ = kubernetes_objects(project, tools, "setup")

    assert validate_kubernetes(tools, text) == [
        *("ConfigMap", "Deployment", "Deployment", "HorizontalPodAutoscaler", "Ingress"),
        *("NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"),
    ]
    assert validate_kubernetes(tools, setup) == ["ConfigMap", "Job", "ServiceAccount"]
    with pytest.raises(AssertionError, match="readinessProb"):
        validate_kubernetes(tools, text.replace("readinessProbe", "readinessProb"))


def test_kubernetes_objects_refer_to_each_other(project: Path, tools: Path) -> None:
    _, objects = kubernetes_objects(project, tools, "app")
    _, setup = kubernetes_objects(project, tools, "setup")
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    by_kind = {each["kind"]: each for each in objects}
    (web,) = (each for each in objects if is_web(each))

    found = pods(objects) | pods(setup)
    assert sorted(found) == ["my-project-setup", "my-project-web", "my-project-worker"]
    for name, pod in found.items():
        (container,) = pod["containers"]
        (source,) = container["envFrom"]
        assert ("ConfigMap", source["configMapRef"]["name"]) in names, name
        assert pod["volumes"][0]["secret"]["secretName"] == "my-project"
        assert ("ServiceAccount", pod["serviceAccountName"]) in names
        assert container["securityContext"]["readOnlyRootFilesystem"]
    labels = web["spec"]["template"]["metadata"]["labels"].items()
    for selecting in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        spec = by_kind[selecting]["spec"]
        selector = spec.get("podSelector") or spec["selector"]
        assert selector.get("matchLabels", selector).items() <= labels, selecting
    scaled = by_kind["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) in names
    assert "replicas" not in web["spec"], "each `kubectl apply` would undo the autoscaling"


def test_kubernetes_pods_run_commands_of_the_project(
    project: Path, tools: Path, tmp_path: Path
) -> None:
    _, objects = kubernetes_objects(project, tools, "app")
    _, setup = kubernetes_objects(project, tools, "setup")
    found = pods(objects) | pods(setup)
    (settings,) = (each["data"] for each in objects if each["kind"] == "ConfigMap")
    for name, value in SECRETS.items():
        (tmp_path / name.lower()).write_text(f"{value}\n")  # as in /run/secrets
    variables = {
        **environment(),
        **settings,
        "DATABASE_URL": f"sqlite:///{tmp_path}/app.db",
        "SECRETS_DIR": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }
    commands = {name: app(*pod["containers"][0]["args"]) for name, pod in found.items()}
    port = find_free_port()

    done = run_in(project, commands["my-project-setup"], **variables)
    assert done.returncode == 0, done.stdout
    assert "Created an admin user" in done.stdout
    (container,) = found["my-project-web"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 8000}]
    web = [*commands["my-project-web"], "--port", str(port)]
    with serving(project, web, tmp_path / "log", port, variables) as server:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert Visitor(server.address).get(container[probe]["httpGet"]["path"]).status == 200
    worker = commands["my-project-worker"]
    run_worker(project, worker, tmp_path / "worker.log", variables)


# --- systemd

UNITS = ("setup", "web", "worker", "backup")


@pytest.fixture(scope="module")
def units(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the units, as if the project were installed where it is."""
    folder = tmp_path_factory.mktemp("systemd") / "system"
    shutil.copytree(project / "deploy" / "systemd" / "units", folder)
    (project / ".venv").symlink_to(Path(python()).parent.parent)
    for path in folder.rglob("*.*"):
        if path.is_file():
            path.write_text(path.read_text().replace("/srv/my-project", str(project)))
    return folder


def analyze(units: Path, *arguments: str) -> str:
    """Run systemd-analyze, which needs no systemd that runs."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("missing: apt-get install --no-install-recommends systemd")
    done = subprocess.run(
        [program, *arguments],
        cwd=units,
        env={**environment(), "SYSTEMD_UNIT_PATH": f"{units}:"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def directives(units: Path, name: str) -> dict[str, list[str]]:
    """Return the directives of a service and what all services share: name → values."""
    found: dict[str, list[str]] = {}
    for path in (units / "my-project-.service.d" / "common.conf", units / name):
        for key, value in re.findall(r"(?m)^(\w+)=(.*)$", path.read_text()):
            found.setdefault(key, []).append(value)
    return found


def test_systemd_accepts_the_units(units: Path) -> None:
    names = sorted(path.name for path in units.glob("my-project-*.*") if path.is_file())
    others = ["my-project-backup.timer", "my-project-web.socket"]

    assert names == sorted([f"my-project-{name}.service" for name in UNITS] + others)
    assert analyze(units, "verify", *(f"./{name}" for name in names)) == ""
    (units / "my-project-wrong.service").write_text("[Service]\nExecStar=/bin/true\n")
    with pytest.raises(AssertionError, match=r"Unknown key.* 'ExecStar'"):
        analyze(units, "verify", "./my-project-wrong.service")
    (units / "my-project-wrong.service").unlink()


def test_caddy_and_shellcheck_find_nothing(project: Path, tools: Path) -> None:
    folder = project / "deploy" / "systemd"
    caddyfile = (folder / "Caddyfile").read_text()

    for name, arguments in (
        ("caddy", ["validate", "--adapter", "caddyfile", "--config", "Caddyfile"]),
        ("caddy", ["fmt", "Caddyfile"]),
        ("shellcheck", ["release"]),
    ):
        command = [str(install_tool(name, tools)), *arguments]
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout in {"", "Valid configuration\n", caddyfile}


@pytest.mark.parametrize("name", UNITS)
def test_systemd_isolates_the_service(units: Path, name: str) -> None:
    """The exposure is from 0 to 10; without restrictions, it is above 9."""
    printed = analyze(
        units, "security", "--offline=true", "--no-pager", f"my-project-{name}.service"
    )

    (exposure,) = re.findall(r"Overall exposure level for \S+: (\d+\.\d)", printed)
    assert float(exposure) <= MOST_EXPOSED


def test_systemd_services_run_commands_of_the_project(
    project: Path, units: Path, tmp_path: Path
) -> None:
    """With the settings and credentials that systemd gives them."""
    port, state = find_free_port(), tmp_path / "state"
    state.mkdir()
    services = {name: directives(units, f"my-project-{name}.service") for name in UNITS}
    for line in services["web"]["LoadCredential"]:
        name, _, source = line.partition(":")
        assert source == f"/etc/my-project/secrets/{name}"
        (tmp_path / name).write_text(f"{SECRETS[name.upper()]}\n")
    settings = (project / "deploy" / "systemd" / "settings.env").read_text()
    settings = settings.replace("/var/lib/my-project", str(state))
    variables = environment() | {"AUTH_ARGON2_MEMORY_KIB": "19456"}
    variables |= dict(re.findall(r"(?m)^(\w+)=(.*)$", settings))
    for line in services["web"]["Environment"]:
        variables |= dict(each.split("=") for each in line.replace("%d", str(tmp_path)).split())
    assert variables["DATABASE_URL"] == "postgresql://my-project@/my-project?host=/run/postgresql"
    variables |= {"DATABASE_URL": f"sqlite:///{state}/app.db"}
    commands = {name: services[name]["ExecStart"][0].split() for name in UNITS}

    done = run_in(project, commands["setup"], **variables)
    assert done.returncode == 0, done.stdout
    # systemd also listens for the server: tests/commands/test_server_process.py in the project.
    web, variables["SERVER_PORT"] = commands["web"], str(port)
    with serving(project, web, tmp_path / "log", port, variables) as server:
        deadline = time.monotonic() + 60
        while server.printed().count("Application startup complete") < 2:  # SERVER_WORKERS
            assert time.monotonic() < deadline, server.printed()
            time.sleep(0.1)
    run_worker(project, commands["worker"], tmp_path / "worker.log", variables)
