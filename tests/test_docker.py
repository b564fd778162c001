"""`docker-compose up` works in a generated project and in a clone of the template."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.baking import Bake
from tests.docker.engine import Engine
from tests.docker.stack import Stack
from tests.docker.tools import install_tool
from tests.serving import find_free_port


@dataclass(frozen=True)
class Served(Stack):
    """A running stack, and the password that its first start printed."""

    password: str


@pytest.fixture(scope="module")
def first_up(engine: Engine, bake: Bake) -> Served:
    """Return the default project, started by docker-compose 1 and Docker's legacy builder."""
    project = bake()
    (project / ".env").write_text("SECRET_KEY=from-the-machine-that-builds\n")
    stack = Stack(engine, project, "docker-compose", find_free_port())
    stack.up()
    return Served(engine, project, stack.program, stack.port, stack.printed_password())


@pytest.fixture
def project(first_up: Served) -> Served:
    """Return the running project; restart it if the previous test stopped it."""
    if first_up.get("/health/ready").status != 200:
        first_up.up()
    return first_up


def test_up_serves_the_project_to_the_first_admin(project: Served) -> None:
    token = project.sign_in(project.password)

    created = project.post("/api/v1/notes", {"title": "From a container"}, token)
    listed = project.get("/api/v1/notes", token)

    assert created.status == 201, created
    assert [note["title"] for note in listed.body["items"]] == ["From a container"]


def test_up_is_idempotent(project: Served) -> None:
    token = project.sign_in(project.password)
    running = {
        service: project.container(service)["State"]["StartedAt"] for service in ("app", "db")
    }
    secrets = project.read_secrets()

    project.compose("up", "-d")

    assert {
        service: project.container(service)["State"]["StartedAt"] for service in running
    } == running
    assert project.read_secrets() == secrets
    assert project.get("/api/v1/users/me", token).status == 200


def test_down_and_up_keeps_accounts_and_tokens(project: Served) -> None:
    token = project.sign_in(project.password)

    project.compose("down")
    project.up()

    assert project.get("/api/v1/users/me", token).status == 200
    assert project.sign_in(project.password)


def test_app_is_unprivileged_and_bound_to_localhost(project: Served) -> None:
    status = project.compose("exec", "-T", "app", "cat", "/proc/1/status")
    lines = dict(line.split(":\t", 1) for line in status.splitlines())

    assert lines["Uid"].split() == ["10001"] * 4
    assert (int(lines["CapEff"], 16), int(lines["CapBnd"], 16), lines["NoNewPrivs"]) == (0, 0, "1")
    assert project.container("app")["HostConfig"]["ReadonlyRootfs"]
    published = {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(project.port)}]}
    assert project.container("app")["HostConfig"]["PortBindings"] == published
    assert not project.container("db")["HostConfig"]["PortBindings"]


def test_secrets_do_not_leak(project: Served) -> None:
    secrets = project.read_secrets()
    containers = [project.container(service) for service in ("secrets", "db", "setup", "app")]
    image = containers[-1]["Image"]
    places = {
        "docker inspect": json.dumps(containers),
        "docker history": project.engine.run("docker", "history", "--no-trunc", image),
        "docker-compose config": project.compose("config"),
        "docker-compose logs": project.compose("logs", "--no-color"),
    }

    assert set(secrets) == {"secret_key", "database_password"}
    assert [
        (name, place)
        for name, secret in secrets.items()
        for place in places
        if secret in places[place]
    ] == []
    assert project.password not in places["docker inspect"]


def test_image_contains_only_the_app_and_is_read_only(project: Served) -> None:
    image = project.container("app")["Image"]
    look = "ls -A /run/secrets /srv; find /srv /opt -writable ! -type l"
    script = f"{look}; python -m pip --version || python -m pytest"

    done = project.engine.attempt(
        "docker", "run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", script
    )

    files = ["app", "migrations", "pyproject.toml", "requirements.txt"]
    assert done.stdout.split() == ["/run/secrets:", "/srv:", *files]
    assert "No module named pip" in done.stderr
    assert "No module named pytest" in done.stderr


def test_health_check_detects_running_server(project: Served) -> None:
    image = project.container("app")["Config"]
    program, *arguments = image["Healthcheck"]["Test"][1:]
    deadline = time.monotonic() + 30

    absent = project.engine.attempt(
        "docker", "run", "--rm", "--entrypoint", program, image["Image"], *arguments
    )
    while project.container("app")["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < deadline, project.container("app")["State"]["Health"]
        time.sleep(0.5)

    assert absent.returncode == 1
    assert "Connection refused" in absent.stderr


def test_health_check_uses_the_port_variable(project: Served) -> None:
    """The image alone, as hosting platforms run it."""
    image = project.container("app")["Image"]
    settings = {"PORT": "9000", "SECRET_KEY": "k" * 40, "DATABASE_URL": "sqlite:////tmp/app.db"}
    variables = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    started = project.engine.run("docker", "run", "-d", "--network=none", *variables, image)
    deadline = time.monotonic() + 30

    state = "{{.State.Status}} {{.State.Health.Status}}"
    inspect = ["docker", "inspect", "--format", state, started.strip()]
    while (state_printed := project.engine.run(*inspect)).split() == ["running", "starting"]:
        assert time.monotonic() < deadline, state_printed
        time.sleep(0.5)
    logged = project.engine.attempt("docker", "logs", started.strip())
    project.engine.run("docker", "rm", "--force", started.strip())

    assert state_printed.split() == ["running", "healthy"], logged
    assert "http://127.0.0.1:9000/" in logged.stdout


def test_stop_shuts_the_server_down_gracefully(project: Served) -> None:
    started = time.monotonic()

    project.compose("stop", "app")

    assert project.container("app")["State"]["ExitCode"] == 0
    assert time.monotonic() - started < 10


@pytest.fixture(scope="module")
def clone(engine: Engine, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Return a clone of the template, started by docker-compose 2 and BuildKit."""
    folder = tmp_path_factory.mktemp("template")
    shutil.copytree(template, folder / "clone")
    stack = Stack(engine, folder / "clone", install_tool("compose-2", folder), find_free_port())
    stack.up()
    return stack


def test_clone_of_the_template_serves_the_default_project(clone: Stack) -> None:
    token = clone.sign_in(clone.printed_password())

    created = clone.post("/api/v1/notes", {"title": "From the template"}, token)
    listed = clone.get("/api/v1/notes", token)

    assert created.status == 201, created
    assert [note["title"] for note in listed.body["items"]] == ["From the template"]


def test_down_with_volumes_deletes_everything_and_up_starts_over(clone: Stack) -> None:
    before = clone.printed_password()

    clone.compose("down", "-v")

    for kind in ("container ls --all", "volume ls", "network ls"):
        assert "clone" not in clone.engine.run("docker", *kind.split())
    clone.up()
    after = clone.printed_password()
    assert after != before
    assert clone.sign_in(after)
