"""Helpers for tests of jobs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.jobs.models import Job
from app.jobs.runner import JobRunner
from app.settings.config import Settings
from tests.support import in_database


def new_runner(client: TestClient, settings: Settings | None = None, **options: Any) -> JobRunner:
    """Return a runner on the app's database; it belongs to no server."""
    state = client.app_state
    return JobRunner(settings or state["settings"], state["database"], state, **options)


def run_jobs(client: TestClient) -> None:
    """Run all due jobs, and those that they enqueue."""
    assert client.portal is not None, "the app is not running"
    client.portal.call(new_runner(client).run_due)


def all_jobs(client: TestClient) -> Sequence[Job]:
    """Return all jobs, oldest first."""

    async def read(session: AsyncSession) -> Sequence[Job]:
        return (await session.scalars(select(Job).order_by(Job.id))).all()

    return in_database(client, read)


def update_jobs(client: TestClient, **values: Any) -> None:
    """Update all jobs."""
    in_database(client, lambda session: session.execute(update(Job).values(values)))
