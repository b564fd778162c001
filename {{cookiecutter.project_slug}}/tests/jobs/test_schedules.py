"""Scheduled jobs are enqueued once over all workers."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.database.base import utc_now
from app.jobs.definitions import definitions, job
from app.jobs.models import JobSchedule
from app.jobs.run import JobRun
from app.jobs.schedules import Schedule, next_time
from tests.jobs.helpers import all_jobs, new_runner, run_jobs
from tests.jobs.samples import ran
from tests.support import in_database

HOUR = timedelta(hours=1)


async def tidy(_: JobRun, name: str = "tidy") -> None:
    ran.append(name)


@pytest.fixture(autouse=True)
def scheduled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Schedule a job hourly, and no other one."""
    for name in [name for name, other in definitions.items() if other.schedule is not None]:
        monkeypatch.delitem(definitions, name)
    defined = job(schedule=HOUR)(tidy)
    yield
    del definitions[defined.name]


def next_at(client: TestClient) -> datetime:
    async def read(session: AsyncSession) -> datetime:
        return (await session.scalars(select(JobSchedule.next_at))).one()

    return in_database(client, read)


def set_next(client: TestClient, time: datetime) -> None:
    in_database(client, lambda session: session.execute(update(JobSchedule).values(next_at=time)))


def test_scheduled_job_runs_at_its_time_and_once_after_a_downtime(client: TestClient) -> None:
    run_jobs(client)
    assert ran == []
    assert timedelta(0) < next_at(client) - utc_now() <= HOUR

    set_next(client, utc_now() - timedelta(days=3))
    run_jobs(client)
    run_jobs(client)

    assert ran == ["tidy"]
    assert timedelta(0) < next_at(client) - utc_now() <= HOUR


def test_scheduled_job_is_enqueued_once_over_all_workers(client: TestClient) -> None:
    run_jobs(client)
    set_next(client, utc_now() - timedelta(minutes=1))

    async def run_all() -> None:
        await asyncio.gather(*(new_runner(client).run_due() for _ in range(3)))

    assert client.portal is not None
    client.portal.call(run_all)

    assert ran == ["tidy"]
    assert len(all_jobs(client)) == 1


def test_schedule_that_became_shorter_takes_effect(client: TestClient) -> None:
    run_jobs(client)
    set_next(client, utc_now() + timedelta(days=30))

    run_jobs(client)

    assert ran == []
    assert next_at(client) - utc_now() <= HOUR


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param("0 3 * * *", datetime(2026, 5, 2, 3, tzinfo=UTC), id="daily"),
        pytest.param("*/15 * * * *", datetime(2026, 5, 1, 12, 45, tzinfo=UTC), id="every-15-minutes"),
        pytest.param("0 0 * * MON", datetime(2026, 5, 4, tzinfo=UTC), id="weekly"),
        pytest.param(HOUR, datetime(2026, 5, 1, 13, 30, tzinfo=UTC), id="interval"),
    ],
)
def test_next_time(schedule: Schedule, expected: datetime) -> None:
    assert next_time(schedule, datetime(2026, 5, 1, 12, 30, tzinfo=UTC)) == expected
