"""The most dangerous failures of `fireup.py prove failures`, and faults that are built in."""

import os
from collections.abc import Iterator

import pytest

from proofs.failures import PAGE, build_project, list_failures, prove, read_rows
from proofs.load import Project
from proofs.scratch import scratch_folder

CHOSEN = (
    "postgresql-crashed",
    "disk-of-postgresql-full",
    "postgresql-sigkill-of-all-server-processes",
    "disk-of-sqlite-full",
    "sqlite-sigkill-of-all-server-processes",
)
pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="full disks need root"
)


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with scratch_folder(keep=False) as scratch:  # which other users can read
        yield build_project(scratch)


def test_nothing_is_lost_and_all_are_served_again(project: Project) -> None:
    found = {one["slug"]: one for one in prove(project, CHOSEN)}

    assert {slug: one["faults"] for slug, one in found.items()} == {slug: [] for slug in CHOSEN}
    for one in found.values():
        assert sum(one["statuses"].values()) > 10
    assert found["disk-of-sqlite-full"]["statuses"]["503"] >= 10
    assert found["sqlite-sigkill-of-all-server-processes"]["statuses"]["refused"] > 0


@pytest.mark.parametrize(
    ("sabotage", "fault"), [("early", "there, though its request failed"), ("lost", "is lost")]
)
def test_built_in_fault_is_found(project: Project, sabotage: str, fault: str) -> None:
    [found] = prove(project, ["disk-of-sqlite-full"], sabotage)

    assert any(fault in one for one in found["faults"])


def test_table_has_all_failures() -> None:
    rows = {name: line.split(" | ") for name, line in read_rows(PAGE.read_text()).items()}

    listed = {one["name"]: (one["cause"], one["remedy"]) for one in list_failures()}

    found = {name: (cells[1], cells[-1].removesuffix(" |")) for name, cells in rows.items()}
    assert found == listed
