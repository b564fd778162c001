"""Write the deployments of a generated project, and run their commands."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import fireup
from tests.baking import PROJECT
from tests.docker.tools import install_tool
from tests.serving import Server, environment, run_in, wait_until_ready

SECRETS = {
    "SECRET_KEY": "a secret key that protects nothing at all",
    "DATABASE_PASSWORD": "p@ss/word:#%",
}
WRITE = """
import sys
from scaffold.deployments import write_deployment
from scaffold.project import Project
for kind in sys.argv[1:]:
    write_deployment(Project(), kind)
"""

KUBERNETES_VERSIONS = ("1.34", "1.36", "1.37")
VALIDATE = """
import sys
import yaml
from kubernetes_validate import validate
for document in yaml.safe_load_all(sys.stdin):
    for version in sys.argv[1:]:
        validate(document, version, strict=True)
    print(document["kind"])
"""


def write_deployments(project: Path, *kinds: str) -> None:
    """Do what `app new deployment` does, for several kinds."""
    done = run_in(project, [python(), "-B", "-c", WRITE, *kinds])
    assert done.returncode == 0, done.stdout


def python() -> str:
    """Return the Python that has the packages of the project."""
    return fireup.install(PROJECT / "requirements-dev.txt")


def app(*arguments: str) -> list[str]:
    """Return the command `app …`."""
    return [python(), "-B", "-m", "app", *arguments]


@contextmanager
def serving(
    project: Path, command: list[str], log: Path, port: int, variables: Mapping[str, str]
) -> Iterator[Server]:
    """Run a command that serves the project; end it by SIGTERM, which must be graceful."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=project, env=dict(variables), stdout=output, stderr=output
        )
    server = Server(f"http://127.0.0.1:{port}", log, process.pid)
    try:
        wait_until_ready(server, process)
        yield server
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) in {0, -signal.SIGTERM}, server.printed()
    finally:
        process.kill()
        process.wait()


def run_worker(project: Path, command: list[str], log: Path, variables: Mapping[str, str]) -> None:
    """Start a worker and, once it runs, end it by SIGTERM, which must be graceful."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=project, env=dict(variables), stdout=output, stderr=output
        )
    try:
        while "running jobs of the queues" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def validate_kubernetes(tools: Path, text: str) -> list[str]:
    """Validate documents strictly against the schemas of some versions; return their kinds."""
    folder = install_tool("kubernetes-validate", tools)
    done = subprocess.run(
        [sys.executable, "-c", VALIDATE, *KUBERNETES_VERSIONS],
        env={**environment(), "PYTHONPATH": str(folder)},
        check=False,
        input=text,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.split())
