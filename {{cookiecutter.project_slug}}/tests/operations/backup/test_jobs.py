"""Backups by schedule."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import update
from starlette.testclient import TestClient

from app.database.base import utc_now
from app.jobs.models import JobSchedule
from app.operations.backup.archive import check_archive
from app.operations.backup.jobs import back_up
from app.settings.config import Settings
from tests.jobs.helpers import all_jobs, new_runner
from tests.support import in_database


def test_job_takes_backups_and_keeps_the_newest(
    client: TestClient, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    old = [f"backup-2020010{day}T000000Z.tar.gz" for day in (1, 2, 3)]
    (tmp_path / "backups").mkdir()
    for name in (*old, "another.tar.gz"):
        (tmp_path / "backups" / name).touch()
    settings = make_settings(backup={"url": f"file:{tmp_path}/backups", "keep": 2})
    runner = new_runner(client, settings)
    assert client.portal is not None

    client.portal.call(runner.run_due)
    assert back_up.name not in {job.name for job in all_jobs(client)}  # until it is due
    due = update(JobSchedule).where(JobSchedule.name == back_up.name).values(next_at=utc_now() - timedelta(hours=1))
    in_database(client, lambda session: session.execute(due))
    client.portal.call(runner.run_due)

    (job,) = [job for job in all_jobs(client) if job.name == back_up.name]
    names = sorted(path.name for path in (tmp_path / "backups").iterdir())
    assert names == ["another.tar.gz", old[-1], job.result]
    manifest = check_archive(tmp_path / "backups" / str(job.result), lambda *_: None)
    assert manifest.database == client.app_state["database"].engine.dialect.name


def test_job_is_not_scheduled_without_a_url(make_settings: Callable[..., Settings]) -> None:
    assert back_up.schedule_in(make_settings()) is None
    assert back_up.schedule_in(make_settings(backup={"url": "file:backups", "schedule": "never"})) is None
    assert back_up.schedule_in(make_settings(backup={"url": "file:backups", "schedule": "0 4 * * 1"})) == "0 4 * * 1"


@pytest.mark.any_database
def test_invalid_schedule_is_refused_at_the_start(make_settings: Callable[..., Settings]) -> None:
    with pytest.raises(ValidationError, match="use a cron text such as"):
        make_settings(backup={"schedule": "at night"})
