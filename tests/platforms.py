"""What the files of `app new deployment` tell a hosting platform, and what the platform does."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CLIENT, FORGED, OWN = "203.0.113.9", "6.6.6.6", "198.51.100.7"
"""Addresses: of the client, one that it claims to have, and one of the platform's proxies."""

# The address that the platform connects from, and the headers with a client's address that it
# sends. docs/platforms.md says where they are documented.
PROXIES = {
    "cloud-run": ("169.254.169.126", {"X-Forwarded-For": f"{FORGED}, {CLIENT}"}),
    "fly": (
        "172.16.1.2",
        {"X-Forwarded-For": f"{FORGED}, {CLIENT}, {OWN}", "Fly-Client-IP": CLIENT},
    ),
    "heroku": ("10.1.45.23", {"X-Forwarded-For": f"{FORGED}, {CLIENT}"}),
    "railway": ("100.64.0.3", {"X-Forwarded-For": f"{CLIENT}, {OWN}", "X-Real-IP": CLIENT}),
    "render": (
        "10.21.157.68",
        {"X-Forwarded-For": f"{FORGED}, {CLIENT}, {OWN}", "CF-Connecting-IP": CLIENT},
    ),
}


class Platform(NamedTuple):
    """The settings that the files have, and the commands, which begin with `python -m app`."""

    variables: dict[str, str]
    release: list[str]
    web: list[str]
    worker: list[str]


def read_platforms(project: Path) -> dict[str, Platform]:
    """Read the files of all platforms."""
    return {
        "cloud-run": _read_cloud_run(project),
        "fly": _read_fly(project),
        "heroku": _read_heroku(project),
        "railway": _read_railway(project),
        "render": _read_render(project),
    }


def pod_of(manifest: Any) -> dict[str, Any]:  # noqa: ANN401 - a YAML document
    """Return the pod in a service or job of Cloud Run."""
    spec = manifest["spec"]["template"]["spec"]
    found: dict[str, Any] = spec.get("template", {"spec": spec})["spec"]
    return found


def image_commands(project: Path) -> tuple[list[str], list[str]]:
    """Return the entry point and the command of the image."""
    text = (project / "Dockerfile").read_text()
    entry, command = (
        json.loads(re.findall(rf"(?m)^{word} (\[.*\])$", text)[-1])
        for word in ("ENTRYPOINT", "CMD")
    )
    return entry, command


def _read_cloud_run(project: Path) -> Platform:
    entry, command = image_commands(project)
    service, setup = (
        pod_of(yaml.safe_load((project / "deploy" / "cloud-run" / f"{name}.yaml").read_text()))
        for name in ("service", "setup")
    )
    (container,) = service["containers"]
    variables = {each["name"]: each.get("value", "") for each in container["env"]}
    (job,) = setup["containers"]
    assert "args" not in container
    assert variables.items() >= {each["name"]: each.get("value", "") for each in job["env"]}.items()
    return Platform(variables, [*entry, *job["args"]], [*entry, *command], [])


def _read_fly(project: Path) -> Platform:
    entry, _ = image_commands(project)
    read = tomllib.loads((project / "fly.toml").read_text())
    commands = (read["deploy"]["release_command"], *map(read["processes"].get, ("web", "worker")))
    return Platform(read["env"], *([*entry, *shlex.split(command)] for command in commands))


def _read_heroku(project: Path) -> Platform:
    lines = (project / "Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    about = project / "scaffold" / "templates" / "deployments" / "heroku" / "about.txt"
    assigned = dict(re.findall(r"([A-Z_]+)=([^\s\"…]+)", about.read_text()))
    return Platform(
        assigned | {"BASE_URL": "https://a.herokuapp.com"},
        *(shlex.split(commands[name]) for name in ("release", "web", "worker")),
    )


def _read_railway(project: Path) -> Platform:
    folder = project / "deploy" / "railway"
    lines = (folder / "variables.env").read_text().splitlines()
    web = json.loads((project / "railway.json").read_text())["deploy"]
    worker = json.loads((folder / "worker.json").read_text())["deploy"]
    (release,) = web["preDeployCommand"]
    commands = (release, web["startCommand"], worker["startCommand"])
    variables = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    return Platform(variables, *map(shlex.split, commands))


def _read_render(project: Path) -> Platform:
    read = yaml.safe_load((project / "render.yaml").read_text())
    (group,) = read["envVarGroups"]
    web, worker = read["services"]
    commands = (web["preDeployCommand"], web["startCommand"], worker["startCommand"])
    variables = {each["key"]: each.get("value", "") for each in group["envVars"]}
    assert web["envVars"] == worker["envVars"]
    return Platform(variables, *map(shlex.split, commands))
