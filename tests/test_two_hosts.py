"""Two hosts share a primary and a streaming replica, of which one after the other fails."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import fireup
from tests.baking import PROJECT, TEMPLATE, Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import environment

SETTINGS = {
    "SECRET_KEY": "a secret key that protects nothing at all",
    "AUTH_ARGON2_MEMORY_KIB": "8",
    "DATABASE_CONNECT_TIMEOUT": "1",
}


@pytest.fixture(scope="module")
def found(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401 - JSON
    """Return what clients saw of a project whose list of notes is read from the replica."""
    if os.geteuid() != 0 or not Path("/usr/sbin/ip").exists():
        pytest.skip("network namespaces need root and iproute2")
    project, python = bake(), fireup.install(PROJECT / "requirements-dev.txt")
    for kind, text in blocks_of("scaling.md", "Read replicas"):
        run_block(project, kind, text)
    paths = f"{project}{os.pathsep}{TEMPLATE}"
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run(
        [python, "-B", "-m", "proofs.two_hosts_inside", tmp_path_factory.mktemp("logs")],
        cwd=project,
        env={**environment(), **SETTINGS, "PYTHONPATH": paths, "PATH": path},
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)


def kinds(found: Any, part: str) -> set[str]:  # noqa: ANN401 - JSON
    """Return the different answers in a part."""
    return set(found["statuses"][part])


def test_replica_that_stops_affects_only_its_routes(found: Any) -> None:  # noqa: ANN401
    whats = ("added 201", "listed 200")
    everything = {f"host {number} {what}" for number in (0, 1) for what in whats}

    assert kinds(found, "everything runs") == everything
    stopped = {"host 0 added 201", "host 0 listed 503", "host 1 added 201", "host 1 listed 503"}
    assert kinds(found, "the replica is stopped") == stopped
    assert kinds(found, "everything runs again") == everything


def test_primary_that_restarts_loses_nothing_that_was_confirmed(found: Any) -> None:  # noqa: ANN401
    statuses = {answer.split(" ", 3)[3] for answer in kinds(found, "the primary restarts")}

    assert statuses <= {"200", "201", "503"}
    assert found["lost"] == []


def test_host_that_is_cut_off_affects_no_other(found: Any) -> None:  # noqa: ANN401
    own = {"host 1 added no answer", "host 1 listed no answer"}

    assert kinds(found, "host 1 is cut off") == {"host 0 added 201", "host 0 listed 200", *own}
