"""The files of `app new deployment` for hosting platforms: commands, proxies and databases."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.baking import Bake
from tests.deployments import SECRETS, app, python, serving, validate_kubernetes, write_deployments
from tests.platforms import CLIENT, PROXIES, Platform, pod_of, read_platforms
from tests.serving import Visitor, environment, find_free_port, run_in, started

# PostgreSQL as in the project's tests, also on a socket like that of a Cloud SQL instance.
POSTGRES = """
import sys
from tests import postgres
postgres._OPTIONS = postgres._OPTIONS.replace("directories=", f"directories={sys.argv[1]}")
with postgres.running_postgres() as url:
    print(url, flush=True)
    sys.stdin.read()
"""
PGBOUNCER = """
[databases]
postgres = host=127.0.0.1 port={server} user=test
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
client_tls_sslmode = require
client_tls_cert_file = {folder}/certificate.pem
client_tls_key_file = {folder}/key.pem
"""
NEW_KEY = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=a"
CLIENT_ADDRESSES = """
import json, os, sys
from fastapi import Request
from starlette.testclient import TestClient
from app.main import create_app
def client(request: Request) -> list[str]:
    return [request.client.host, request.url.scheme]
found = {}
for name, (variables, peer, headers) in json.load(sys.stdin).items():
    os.environ.update(variables)
    app = create_app()
    app.add_api_route("/api/client", client)
    with TestClient(app, client=(peer, 1)) as session:
        found[name] = session.get("/api/client", headers=headers).json()
    for variable in variables:
        del os.environ[variable]
print(json.dumps(found))
"""


class Database(NamedTuple):
    """Ports of PostgreSQL and of the pooler, and the folder of PostgreSQL's socket."""

    port: int
    pooler: int
    socket: Path


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """Generate a project with the files of all platforms."""
    folder = bake(project_name="My Project")
    write_deployments(folder, *PROXIES)
    return folder


@pytest.fixture(scope="module")
def platforms(project: Path) -> dict[str, Platform]:
    """Return what the files say."""
    return read_platforms(project)


@pytest.fixture(scope="module")
def database(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Set up a database, and run PgBouncer, which accepts only TLS, in front of it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("missing: apt-get install --no-install-recommends pgbouncer")
    folder = tmp_path_factory.mktemp("pgbouncer")
    socket = Path(f"/tmp/cloudsql-{os.getpid()}/p:r:my-project")  # noqa: S108 - a short path
    socket.mkdir(parents=True)
    socket.chmod(0o777)
    try:
        with started([python(), "-B", "-c", POSTGRES, str(socket)], project) as url:
            done = run_in(project, app("setup"), **SECRETS, DATABASE_URL=url)
            assert done.returncode == 0, done.stdout
            server = int(url.rpartition(":")[2].partition("/")[0])
            with pgbouncer(program, folder, server) as pooler:
                yield Database(server, pooler, socket)
    finally:
        shutil.rmtree(socket.parent)


@contextmanager
def pgbouncer(program: str, folder: Path, server: int) -> Iterator[int]:
    """Run PgBouncer in front of a server on this port; return its own."""
    port = find_free_port()
    files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem"]
    subprocess.run([*NEW_KEY.split(), *files], check=True, capture_output=True)
    (folder / "key.pem").chmod(0o644)
    (folder / "ini").write_text(PGBOUNCER.format(server=server, port=port, folder=folder))
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, "-q", *user, folder / "ini"])
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.parametrize("name", PROXIES)
def test_platform_knows_the_commands(platforms: dict[str, Platform], name: str) -> None:
    platform = platforms[name]

    assert platform.release == ["python", "-m", "app", "setup"]
    assert platform.web[:4] == ["python", "-m", "app", "serve"]
    assert platform.web[4:6] == ["--host", "0.0.0.0"]  # noqa: S104 - in a container
    in_server = platform.variables.get("JOBS_IN_SERVER", "true") == "true"
    assert platform.worker == ([] if in_server else ["python", "-m", "app", "worker"])
    assert platform.variables["ENVIRONMENT"] == "production"


def test_clients_have_their_addresses_behind_the_proxies(
    project: Path, platforms: dict[str, Platform]
) -> None:
    """Not that of a proxy, or all clients would share one rate limit; and not a forged one."""
    given = {
        name: [
            {**set_only(platforms[name]), **SECRETS, "JOBS_IN_SERVER": "false"},
            peer,
            {**headers, "X-Forwarded-Proto": "https"},
        ]
        for name, (peer, headers) in PROXIES.items()
    }

    done = subprocess.run(
        [python(), "-B", "-c", CLIENT_ADDRESSES],
        cwd=project,
        env=environment(),
        check=True,
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
    )

    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {name: [CLIENT, "https"] for name in PROXIES}


def set_only(platform: Platform) -> dict[str, str]:
    """Return the settings that have a value already, and whose store is here."""
    return {
        key: value
        for key, value in platform.variables.items()
        if value and not value.startswith(("$", "gs:", "s3:", "smtps:")) and key != "DATABASE_URL"
    }


@pytest.mark.parametrize("name", PROXIES)
def test_platform_serves_with_its_form_of_database_url(
    project: Path,
    platforms: dict[str, Platform],
    database: Database,
    tmp_path: Path,
    name: str,
) -> None:
    direct = database.port
    port, user = find_free_port(), "test:p%40ss%2Fword%3A%23@127.0.0.1"
    forms = {
        "cloud-run": platforms["cloud-run"]
        .variables["DATABASE_URL"]
        .replace("/cloudsql/PROJECT_ID:REGION:my-project", str(database.socket))
        .replace("app@/app", "test@/postgres"),
        "fly": f"postgresql://{user}:{database.pooler}/postgres?sslmode=require&channel_binding=require",
        "heroku": f"postgres://{user}:{direct}/postgres",
        "railway": f"postgresql://{user}:{direct}/postgres",
        "render": f"postgresql://{user}/postgres",
    }
    variables = {
        **environment(),
        **set_only(platforms[name]),
        "SECRET_KEY": SECRETS["SECRET_KEY"],
        "DATABASE_URL": forms[name],
        "PGPORT": str(direct),  # instead of 5432
        "PORT": str(port),
    }
    arguments = [
        str(port) if argument == "8000" else argument for argument in platforms[name].web[3:]
    ]

    with serving(project, app(*arguments), tmp_path / "log", port, variables) as server:
        assert Visitor(server.address).get("/api/v1/notes").status == 401


def test_files_of_cloud_run_have_valid_pods(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The pods in them are those of Kubernetes, plus two fields."""
    tools = tmp_path_factory.mktemp("tools")
    for name in ("service", "setup"):
        pod = pod_of(yaml.safe_load((project / "deploy/cloud-run" / f"{name}.yaml").read_text()))
        for only_here in ("containerConcurrency", "timeoutSeconds", "maxRetries"):
            pod.pop(only_here, None)
        valid = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod}
        assert validate_kubernetes(tools, yaml.safe_dump(valid)) == ["Pod"]


def test_heroku_has_the_python_version_of_the_image(project: Path) -> None:
    version = (project / ".python-version").read_text().strip()

    assert f"ARG PYTHON_VERSION={version}\n" in (project / "Dockerfile").read_text()
