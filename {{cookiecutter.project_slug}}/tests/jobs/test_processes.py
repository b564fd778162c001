"""Jobs in server processes and in `app worker`."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.jobs.models import JobState
from tests.jobs.helpers import all_jobs
from tests.jobs.samples import act, ran
from tests.sample.sample_notes.jobs import rename
from tests.server import SECONDS_TO_STOP, start_process
from tests.support import in_database, wait_until

NOTES = "/api/v1/sample-notes"
AN_HOUR = 3600

StartApp = Callable[..., TestClient]


def test_server_runs_jobs_of_its_requests_at_once(start_app: StartApp, enqueue: Callable[..., Any]) -> None:
    client = start_app(jobs={"in_server": True, "poll_interval": AN_HOUR})

    enqueue("rejected", then="rejected", sender=client)
    enqueue("first", "second", sender=client)
    wait_until(lambda: len(ran) == 2)

    assert sorted(ran) == ["first", "second"]
    wait_until(lambda: {row.state for row in all_jobs(client)} == {JobState.SUCCEEDED})


@pytest.mark.any_database
def test_server_finds_jobs_of_others_by_polling(start_app: StartApp, client: TestClient) -> None:
    start_app(jobs={"in_server": True, "poll_interval": 0.02})

    in_database(client, lambda session: act.enqueue(session, "it"))

    wait_until(lambda: ran == ["it"])


def test_worker_runs_jobs_of_its_queues(
    client: TestClient, as_ada: TestClient, database_url: str, tmp_path: Path
) -> None:
    note_id = UUID(as_ada.post(NOTES, json={"title": "Before"}).json()["id"])
    variables = {"DATABASE_URL": database_url, "JOBS_POLL_INTERVAL": "PT0.1S"}
    worker = start_process(
        tmp_path, "worker.log", "worker", "--queues", "titles,other", module="tests.sample_server", **variables
    )
    try:
        in_database(client, lambda session: act.enqueue(session, "in the default queue"))
        in_database(client, lambda session: rename.enqueue(session, note_id, title="After"))
        wait_until(lambda: as_ada.get(f"{NOTES}/{note_id}").json()["title"] == "After")
        worker.send_signal(signal.SIGTERM)
        end = worker.wait(SECONDS_TO_STOP)
    finally:
        worker.kill()
        worker.wait()

    assert end == 0, (tmp_path / "worker.log").read_text()
    assert [row.state for row in all_jobs(client)] == [JobState.PENDING, JobState.SUCCEEDED]
