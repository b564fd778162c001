"""Only the worker that has claimed a job can commit for it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from starlette.testclient import TestClient

from app.database.base import utc_now
from app.jobs import job_queue, runner
from app.jobs.errors import ClaimLost, JobInterrupted
from app.jobs.models import Job, JobState
from app.jobs.run import JobRun
from tests.jobs.helpers import all_jobs, new_runner, run_jobs, update_jobs
from tests.jobs.samples import act, actions, ran
from tests.support import in_database


async def write(run: JobRun, label: str) -> None:
    """Write a row in a transaction of the job."""
    async with run.transaction() as session:
        await act.set(label=label, priority=9).enqueue(session, "written")


def labels(client: TestClient) -> list[str]:
    return [row.label for row in all_jobs(client) if row.label]


async def expire_lease(run: JobRun) -> None:
    await run.database.execute(update(Job).where(Job.id == run.id).values(due_at=utc_now()))


def test_worker_that_lost_its_claim_commits_nothing(client: TestClient, enqueue: Callable[..., Any]) -> None:
    errors: list[Exception] = []

    async def lose(run: JobRun) -> object:
        if run.attempt == 2:
            await write(run, "of the second")
            return "second"
        try:
            async with run.transaction() as session:
                await expire_lease(run)
                await new_runner(client).run_due()  # claims the job and runs it to the end
                await act.set(label="of the first").enqueue(session, "written")
        except ClaimLost as error:
            errors.append(error)
        return "first"

    actions["it"] = lose
    enqueue("it")

    run_jobs(client)

    assert len(errors) == 1
    assert labels(client) == ["of the second"]
    row = all_jobs(client)[0]
    assert (row.state, row.attempts, row.result) == (JobState.SUCCEEDED, 2, "second")


def test_end_of_a_lost_claim_changes_nothing(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def lose(run: JobRun) -> object:
        if run.attempt == 1:
            await expire_lease(run)
            await new_runner(client).run_due()
            raise LookupError
        return "second"

    actions["it"] = lose
    enqueue("it")

    run_jobs(client)

    (row,) = all_jobs(client)
    assert (row.state, row.attempts, row.result, row.last_error) == (JobState.SUCCEEDED, 2, "second", None)


def test_claim_does_not_come_back_with_the_number_of_the_attempt(
    client: TestClient, enqueue: Callable[..., Any]
) -> None:
    """A job that is canceled and retried is in its first attempt again."""
    errors: list[object] = []

    async def be_retried(run: JobRun) -> object:
        ran.append("again")
        if ran.count("again") == 2:
            return run.attempt
        async with run.database.sessions.begin() as session:
            row = await session.get_one(Job, run.id)
            assert (await job_queue.cancel(session, [row]), await job_queue.retry(session, [row])) == (1, 1)
        await new_runner(client).run_due()
        with pytest.raises(ClaimLost) as error:
            await write(run, "of the first")
        errors.append(error)
        return "first"

    actions["it"] = be_retried
    enqueue("it")

    run_jobs(client)

    assert errors
    assert [(row.state, row.result) for row in all_jobs(client)] == [(JobState.SUCCEEDED, 1)]


def test_job_continues_at_its_cursor(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def count(run: JobRun) -> None:
        for number in range(run.cursor or 0, 4):
            if number == 2 and run.attempt == 1:
                raise LookupError
            async with run.transaction() as session:
                await act.set(label=str(number), at=utc_now()).enqueue(session, "written")
                await run.save(session, cursor=number + 1, progress=(number + 1) / 4)

    actions["it"] = count
    enqueue("it")

    run_jobs(client)
    first = all_jobs(client)[0]
    update_jobs(client, due_at=utc_now())
    run_jobs(client)

    assert (first.state, first.cursor, first.progress) == (JobState.PENDING, 2, 0.5)
    assert labels(client) == ["0", "1", "2", "3"]


def test_cursor_is_not_saved_if_its_transaction_is_rolled_back(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def save(run: JobRun) -> object:
        with suppress(LookupError):
            async with run.transaction() as session:
                await run.save(session, cursor={"page": 1})
                raise LookupError
        return run.cursor

    actions["it"] = save
    enqueue("it")

    run_jobs(client)

    assert [(row.cursor, row.result) for row in all_jobs(client)] == [(None, None)]


def test_work_and_its_end_are_committed_together(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def finish(run: JobRun) -> None:
        async with run.transaction() as session:
            await act.set(label="done").enqueue(session, "written")
            await run.finish(session, result=[1, 2])
        message = "it is too late to fail"
        raise LookupError(message)

    actions["it"] = finish
    enqueue("it")

    run_jobs(client)

    row = all_jobs(client)[0]
    assert (row.state, row.result, row.last_error) == (JobState.SUCCEEDED, [1, 2], None)
    assert labels(client) == ["done"]


def test_finish_that_is_rolled_back_ends_nothing(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def finish(run: JobRun) -> None:
        async with run.transaction() as session:
            await run.finish(session)
            raise LookupError

    actions["it"] = finish
    enqueue("it")

    run_jobs(client)

    assert [(row.state, row.attempts) for row in all_jobs(client)] == [(JobState.PENDING, 1)]


@pytest.mark.parametrize("method", ["transaction", "save", "finish"])
def test_canceled_job_commits_nothing(client: TestClient, enqueue: Callable[..., Any], method: str) -> None:
    errors: list[Exception] = []

    async def go_on(run: JobRun) -> None:
        async with run.database.sessions.begin() as session:
            assert await job_queue.cancel(session, [await session.get_one(Job, run.id)]) == 1
        try:
            async with run.transaction() as session:
                await act.set(label="too late").enqueue(session, "written")
                await (run.save(session, cursor=1) if method == "save" else asyncio.sleep(0))
                await (run.finish(session) if method == "finish" else asyncio.sleep(0))
        except ClaimLost as error:
            errors.append(error)

    actions["it"] = go_on
    enqueue("it")

    run_jobs(client)

    assert len(errors) == 1
    assert [row.state for row in all_jobs(client)] == [JobState.CANCELED]


def test_canceled_job_is_stopped(
    client: TestClient, enqueue: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RENEW_SECONDS", 0.01)
    stopped: list[UUID] = []

    async def wait(run: JobRun) -> None:
        async with run.database.sessions.begin() as session:
            await job_queue.cancel(session, [await session.get_one(Job, run.id)])
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(run.id)
            running.stop()

    actions["it"] = wait
    enqueue("it")
    running = new_runner(client)
    assert client.portal is not None

    client.portal.call(running.run)

    assert len(stopped) == 1
    assert [row.state for row in all_jobs(client)] == [JobState.CANCELED]


def test_lease_of_a_running_job_is_renewed(
    client: TestClient, enqueue: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RENEW_SECONDS", 0.01)

    async def wait(run: JobRun) -> None:
        await expire_lease(run)
        query = select(Job.due_at).where(Job.id == run.id)
        while (await run.database.execute(query))[0].due_at <= utc_now():  # noqa: ASYNC110 - in the database
            await asyncio.sleep(0.01)
        running.stop()

    actions["it"] = wait
    enqueue("it")
    running = new_runner(client)
    assert client.portal is not None

    client.portal.call(running.run)

    assert [(row.state, row.attempts) for row in all_jobs(client)] == [(JobState.SUCCEEDED, 1)]


def test_job_that_blocked_its_worker_is_not_claimed_by_it_again(
    client: TestClient, enqueue: Callable[..., Any]
) -> None:
    claimed = asyncio.Event()

    async def block(run: JobRun) -> None:
        await expire_lease(run)
        async with run.database.sessions.begin() as session:
            await act.enqueue(session, "second")
        running.wake()
        await claimed.wait()

    async def stop(_: JobRun) -> None:
        running.stop()
        claimed.set()

    actions.update(it=block, second=stop)
    enqueue("it")
    running = new_runner(client)
    assert client.portal is not None

    client.portal.call(running.run)

    assert ran == ["it", "second"]
    assert [(row.state, row.attempts) for row in all_jobs(client)] == [(JobState.SUCCEEDED, 1)] * 2


def test_stop_interrupts_between_transactions_and_gives_the_job_back(
    client: TestClient, enqueue: Callable[..., Any]
) -> None:
    errors: list[Exception] = []

    async def work(run: JobRun) -> None:
        async with run.transaction() as session:
            await run.save(session, cursor="half")
            running.stop()
        try:
            await write(run, "after the stop")
        except JobInterrupted as error:
            errors.append(error)
            raise

    actions["it"] = work
    enqueue("it")
    running = new_runner(client)
    assert client.portal is not None

    client.portal.call(running.run)

    assert len(errors) == 1
    (row,) = all_jobs(client)
    assert (row.state, row.attempts, row.cursor, row.claim_id) == (JobState.PENDING, 0, "half", None)
    assert row.due_at <= utc_now()


def test_stop_cancels_a_job_that_goes_on_and_gives_it_back(
    client: TestClient, enqueue: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "SHUTDOWN_TIMEOUT_SECONDS", 0.05)

    async def wait(_: JobRun) -> None:
        running.stop()
        await asyncio.Event().wait()

    actions["it"] = wait
    enqueue("it")
    running = new_runner(client)
    assert client.portal is not None

    client.portal.call(running.run)

    assert [(row.state, row.attempts) for row in all_jobs(client)] == [(JobState.PENDING, 0)]


def test_concurrent_runners_run_each_job_once(client: TestClient) -> None:
    names = [str(number) for number in range(40)]

    async def add(session: Any) -> None:
        for name in names:
            await act.enqueue(session, name)

    async def run_all() -> None:
        await asyncio.gather(*(new_runner(client).run_due() for _ in range(3)))

    in_database(client, add)
    assert client.portal is not None
    client.portal.call(run_all)

    assert sorted(ran) == sorted(names)


@pytest.mark.database("postgresql")
def test_worker_that_is_cut_off_in_a_transaction_does_not_keep_the_job(
    client: TestClient, enqueue: Callable[..., Any]
) -> None:
    limits: list[str] = []

    async def save(run: JobRun) -> None:
        async with run.transaction() as session:
            await run.save(session, cursor=1)
            limits.append(str(await session.scalar(text("SHOW idle_in_transaction_session_timeout"))))

    actions["it"] = save
    enqueue("it")

    run_jobs(client)

    assert limits == ["30s"], "then the server ends the transaction, and with it the lock"
