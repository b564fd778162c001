"""A minute of `fireup.py prove load` finds no fault in the project, but those that are built in."""

import pytest

from proofs.load import Project, judge_log, prove

OUTAGE = """\
2026-11-29T21:38:15.256+00:00 WARNING app.database unavailable: OSError: no
Traceback (most recent call last):
OSError: no
2026-11-29T21:38:15.257+00:00 INFO app.requests GET / 503 1.0ms abcdefgh
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("proof"))


def test_disturbed_postgresql_leads_to_no_wrong_answer(project: Project) -> None:
    found = prove(project, "postgresql", seconds=15, people=12)

    assert found.faults == []
    assert found.cut > 10
    assert len(found.disturbances) > 4
    assert sum(found.statuses.values()) > 500


def test_load_on_sqlite_leads_to_no_wrong_answer(project: Project) -> None:
    found = prove(project, "sqlite", seconds=4, people=10)

    assert found.faults == []
    assert sum(found.statuses.values()) > 100


def test_half_a_transaction_is_found(project: Project) -> None:
    found = prove(project, "sqlite", seconds=2, people=8, sabotage="half")

    assert any("rows of a pair that was not created" in fault for fault in found.faults)


def test_log_is_judged() -> None:
    assert judge_log(OUTAGE) == []
    for line in (
        "2026-11-29T21:38:15.258+00:00 ERROR app.requests failed: abcdefgh",
        "2026-11-29T21:38:15.258+00:00 WARNING app.mail failed",
        "Traceback (most recent call last):",
        "RuntimeWarning: coroutine 'x' was never awaited",
    ):
        assert judge_log(f"{OUTAGE}{line}\n"), line
