"""A minute of `fireup.py prove jobs` finds no fault in the project, but one that is built in."""

import os
from pathlib import Path

import pytest

from proofs.jobs import build, prove
from proofs.load import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return build(tmp_path_factory.mktemp("proof"))


@pytest.mark.parametrize(("database", "rounds"), [("sqlite", 4), ("postgresql", 5)])
def test_jobs_outlive_what_runs_them(project: Project, database: str, rounds: int) -> None:
    found = prove(project, database, rounds)

    assert found["faults"] == []
    assert sum(found["disturbances"].values()) == rounds
    assert found["requests"]["confirmed"] > 5
    assert found["requests"]["rolled back"] > 1


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or not Path("/usr/sbin/ip").exists(),
    reason="network namespaces need root and iproute2",
)
def test_jobs_of_a_worker_without_network_go_on_elsewhere(project: Project) -> None:
    found = prove(project, "network", 0)

    assert found["faults"] == []
    assert found["jobs_of_the_worker"] > 0


def test_a_commit_before_the_end_of_the_request_is_found(project: Project) -> None:
    found = prove(project, "sqlite", 1, sabotage="early")

    assert any("there, though its request failed" in fault for fault in found["faults"])
