"""Failed attempts are repeated with growing delays; then the job is kept as failed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.lifecycle.cleanup import clean_up
from app.database.base import utc_now
from app.jobs import job_queue
from app.jobs.errors import JobFailed
from app.jobs.models import Job, JobState
from app.jobs.run import JobRun
from tests.jobs.helpers import all_jobs, run_jobs, update_jobs
from tests.jobs.samples import MINUTE, act, actions, hang, ran
from tests.support import in_database

SOON = timedelta(seconds=30)


async def fail(run: JobRun) -> None:
    message = f"no. {run.attempt}"
    raise LookupError(message)


def test_failed_job_is_retried_and_then_kept(
    client: TestClient, enqueue: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    actions["it"] = fail
    enqueue("it")

    for attempt, delay in enumerate([MINUTE, 5 * MINUTE], 1):
        run_jobs(client)
        (row,) = all_jobs(client)
        assert (row.state, row.attempts, row.last_error) == (JobState.PENDING, attempt, f"LookupError: no. {attempt}")
        assert delay - SOON < row.due_at - utc_now() <= delay
        assert f"will be retried after attempt {attempt}" in caplog.text
        update_jobs(client, due_at=utc_now())
    run_jobs(client)
    run_jobs(client)

    (row,) = all_jobs(client)
    assert (row.state, row.attempts, row.last_error) == (JobState.FAILED, 3, "LookupError: no. 3")
    assert ran == ["it"] * 3
    assert "raise LookupError(message)" in caplog.text, "the traceback of a bug"


def test_success_after_failures_forgets_the_error(client: TestClient, enqueue: Callable[..., Any]) -> None:
    actions["it"] = fail
    enqueue("it")
    run_jobs(client)

    actions.clear()
    update_jobs(client, due_at=utc_now())
    run_jobs(client)

    assert [(row.state, row.attempts, row.last_error) for row in all_jobs(client)] == [(JobState.SUCCEEDED, 2, None)]


def test_job_that_gives_up_is_not_retried(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def give_up(_: JobRun) -> None:
        message = "The bill was paid."
        raise JobFailed(message)

    actions["it"] = give_up
    enqueue("it")

    run_jobs(client)

    (row,) = all_jobs(client)
    assert (row.state, row.attempts, row.last_error) == (JobState.FAILED, 1, "JobFailed: The bill was paid.")


def test_job_that_takes_too_long_is_stopped(client: TestClient) -> None:
    async def wait(_: JobRun) -> None:
        await asyncio.Event().wait()

    actions["hang"] = wait
    in_database(client, hang.enqueue)

    run_jobs(client)

    (row,) = all_jobs(client)
    assert (row.state, row.last_error) == (JobState.FAILED, "JobTimeout: took longer than 0:00:00.001000")


def test_job_whose_worker_died_in_each_attempt_fails(client: TestClient, enqueue: Callable[..., Any]) -> None:
    enqueue("it")
    update_jobs(client, attempts=3, state=JobState.RUNNING, due_at=utc_now())

    run_jobs(client)

    (row,) = all_jobs(client)
    assert row.state == JobState.FAILED
    assert "The worker stopped in each attempt" in (row.last_error or "")
    assert ran == []


def test_job_that_cancels_itself_is_retried(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def cancel(_: JobRun) -> None:
        raise asyncio.CancelledError

    actions["it"] = cancel
    enqueue("it")

    run_jobs(client)

    assert [(row.state, row.attempts) for row in all_jobs(client)] == [(JobState.PENDING, 1)]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 10_000], ids=["nul", "surrogate", "long"])
def test_any_error_can_be_stored(client: TestClient, enqueue: Callable[..., Any], text: str) -> None:
    async def fail_with_text(_: JobRun) -> None:
        raise JobFailed(text)

    actions["it"] = fail_with_text
    enqueue("it")

    run_jobs(client)

    (row,) = all_jobs(client)
    assert row.state == JobState.FAILED
    assert (row.last_error or "").startswith("JobFailed: ")


@pytest.mark.any_database
def test_result_that_is_not_json_is_an_error(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def return_object(_: JobRun) -> object:
        return object()

    actions["it"] = return_object
    enqueue("it")

    run_jobs(client)

    (row,) = all_jobs(client)
    assert row.state == JobState.PENDING
    assert "serialize" in (row.last_error or "")


def test_retry_runs_failed_and_canceled_jobs_again(client: TestClient) -> None:
    async def add(session: AsyncSession) -> None:
        for key in ("a", "a", "b", None):
            await act.set(unique=key).enqueue(session, "it")
            for row in await _live(session):
                await job_queue.cancel(session, [row])
        await act.set(unique="b").enqueue(session, "blocks")

    in_database(client, add)
    before = all_jobs(client)
    assert [row.state for row in before] == [JobState.CANCELED] * 4 + [JobState.PENDING]

    count = in_database(client, lambda session: job_queue.retry(session, before))

    states = [(row.unique_key, row.state) for row in all_jobs(client)]
    assert count == 2, "one of those with the same key, and none whose key is taken"
    assert states == [
        ("a", JobState.PENDING),
        ("a", JobState.CANCELED),
        ("b", JobState.CANCELED),
        (None, JobState.PENDING),
        ("b", JobState.PENDING),
    ]
    run_jobs(client)
    assert sorted(ran) == ["blocks", "it", "it"]


async def _live(session: AsyncSession) -> Any:
    return (await session.scalars(select(Job).where(Job.ended_at.is_(None)))).all()


@pytest.mark.parametrize(("state", "days"), [(JobState.SUCCEEDED, 7), (JobState.FAILED, 30), (JobState.CANCELED, 30)])
def test_ended_jobs_are_deleted_after_their_retention_period(client: TestClient, state: JobState, days: int) -> None:
    async def add(session: AsyncSession) -> None:
        for name in ("recent", "old", "pending"):
            await act.set(label=name).enqueue(session)
        for name, age in (("recent", days - 1), ("old", days + 1)):
            values = {"state": state, "ended_at": utc_now() - timedelta(days=age)}
            await session.execute(update(Job).where(Job.label == name).values(values))

    in_database(client, add)
    assert client.portal is not None
    client.portal.call(clean_up, client.app_state["database"], client.app_state["settings"].cleanup)

    assert [row.label for row in all_jobs(client)] == ["recent", "pending"]
