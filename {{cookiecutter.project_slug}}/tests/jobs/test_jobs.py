"""Jobs are enqueued in a transaction and run after its commit, with the arguments they were enqueued with."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from app.database.base import utc_now
from app.jobs.arguments import encrypt
from app.jobs.definitions import definitions, job
from app.jobs.models import JobState
from app.jobs.run import JobRun
from app.settings.config import Settings
from app.settings.keys import KeyRing
from tests.jobs import samples
from tests.jobs.helpers import all_jobs, new_runner, run_jobs, update_jobs
from tests.jobs.samples import act, actions, keep_secret, ran
from tests.support import in_database

ADDRESS = "ada.private@example.com"


def test_job_runs_after_commit_and_not_after_rollback(client: TestClient, enqueue: Callable[..., Any]) -> None:
    statuses = [enqueue(then, then=then).status_code for then in ("rejected", "failed", "done")]
    run_jobs(client)

    assert statuses == [409, 500, 200]
    assert ran == ["done"]
    (row,) = all_jobs(client)
    assert (row.name, row.queue, row.arguments) == ("tests.act", "default", {"name": "done"})
    assert (row.state, row.attempts, row.progress, row.claim_id) == (JobState.SUCCEEDED, 1, 1, None)
    assert row.started_at
    assert row.ended_at


def test_job_of_a_savepoint_that_is_rolled_back_is_not_enqueued(client: TestClient) -> None:
    async def work(session: AsyncSession) -> None:
        await act.enqueue(session, "kept")
        nested = await session.begin_nested()
        await act.enqueue(session, "dropped")
        await nested.rollback()

    in_database(client, work)
    run_jobs(client)

    assert ran == ["kept"]


def test_result_is_stored(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def act_on(run: JobRun) -> object:
        return {"day": date(2026, 5, 1), "id": run.id}

    actions["it"] = act_on

    (job_id,) = enqueue("it").json()
    run_jobs(client)

    (row,) = all_jobs(client)
    assert row.result == {"day": "2026-05-01", "id": job_id}


def test_jobs_enqueued_by_jobs_run_too(client: TestClient, enqueue: Callable[..., Any]) -> None:
    async def enqueue_another(run: JobRun) -> None:
        async with run.transaction() as session:
            await act.enqueue(session, "second")

    actions["first"] = enqueue_another

    enqueue("first")
    run_jobs(client)

    assert ran == ["first", "second"]


@pytest.mark.any_database
def test_arguments_are_validated_when_they_are_enqueued(client: TestClient) -> None:
    wrong: Any = ["not", "a", "text"]

    with pytest.raises(ValidationError):
        in_database(client, lambda session: act.enqueue(session, wrong))

    assert all_jobs(client) == []


def test_unique_job_is_enqueued_once_until_it_ended(client: TestClient) -> None:
    def enqueue(key: str) -> UUID | None:
        return in_database(client, lambda session: act.set(unique=key).enqueue(session))

    first, second, other = enqueue("a"), enqueue("a"), enqueue("b")
    run_jobs(client)
    third = enqueue("a")

    assert second is None
    assert {first, other, third} == {row.id for row in all_jobs(client)}


def test_jobs_run_by_priority_and_time(client: TestClient, settings: Settings) -> None:
    one_at_a_time = settings.model_copy(update={"jobs": settings.jobs.model_copy(update={"concurrency": 1})})
    runner = new_runner(client, settings=one_at_a_time)

    async def work(session: AsyncSession) -> None:
        now = utc_now()
        await act.set(priority=5).enqueue(session, "last")
        await act.set(at=now - timedelta(minutes=1)).enqueue(session, "second")
        await act.set(at=now - timedelta(minutes=2)).enqueue(session, "first")
        await act.set(priority=-5, at=now).enqueue(session, "urgent")

    in_database(client, work)
    assert client.portal is not None
    client.portal.call(runner.run_due)

    assert ran == ["urgent", "first", "second", "last"]


def test_job_waits_until_its_time(client: TestClient) -> None:
    tomorrow = utc_now() + timedelta(days=1)
    in_database(client, lambda session: act.set(at=tomorrow).enqueue(session, "it"))

    run_jobs(client)
    assert ran == []
    assert [(row.state, row.due_at) for row in all_jobs(client)] == [(JobState.PENDING, tomorrow)]

    update_jobs(client, due_at=utc_now())
    run_jobs(client)
    assert ran == ["it"]


def test_runner_runs_its_queues_only(client: TestClient, enqueue: Callable[..., Any]) -> None:
    enqueue("it")
    assert client.portal is not None

    client.portal.call(new_runner(client, queues=["slow", "other"]).run_due)
    assert ran == []

    client.portal.call(new_runner(client, queues=["slow", "default"]).run_due)
    assert ran == ["it"]


def test_job_of_a_newer_release_is_left_for_others(client: TestClient, enqueue: Callable[..., Any]) -> None:
    enqueue("it")
    update_jobs(client, name="tests.of_tomorrow")

    run_jobs(client)

    assert [(row.state, row.attempts) for row in all_jobs(client)] == [(JobState.PENDING, 0)]


def test_stored_arguments_that_do_not_match_fail_without_retry(client: TestClient, enqueue: Callable[..., Any]) -> None:
    enqueue("it")
    update_jobs(client, arguments={"name": None})

    run_jobs(client)

    (row,) = all_jobs(client)
    assert (row.state, row.attempts) == (JobState.FAILED, 1)
    assert row.last_error
    assert "The stored arguments don't match the function: name: Input should be a valid string" in row.last_error


def test_encrypted_arguments_are_nowhere_and_erased_after_success(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(run: JobRun) -> None:
        if run.attempt == 1:
            message = f"{ADDRESS} was rejected, see https://example.com/?token=abc"
            raise LookupError(message)

    actions["secret"] = fail
    in_database(client, lambda session: keep_secret.enqueue(session, ADDRESS, day=date(2026, 5, 1)))

    run_jobs(client)
    (stored,) = in_database(client, lambda session: session.execute(text("SELECT * FROM jobs")))
    update_jobs(client, due_at=utc_now())
    run_jobs(client)

    assert ran == [f"{ADDRESS} 2026-05-01"] * 2
    assert "LookupError: … was rejected, see …" in stored
    assert ADDRESS not in f"{stored} {caplog.text}"
    assert "token=abc" not in f"{stored} {caplog.text}"
    assert "Traceback" not in caplog.text
    assert [(row.state, row.arguments) for row in all_jobs(client)] == [(JobState.SUCCEEDED, None)]


def test_encrypted_arguments_of_an_unknown_key_are_retried_with_the_reason(
    client: TestClient, make_settings: Callable[..., Settings]
) -> None:
    other = KeyRing(make_settings(secret_key="another secret key that is long enough"))
    in_database(client, lambda session: keep_secret.enqueue(session, ADDRESS))
    update_jobs(client, arguments=encrypt({"address": ADDRESS}, other))

    run_jobs(client)

    (row,) = all_jobs(client)
    assert row.state == JobState.PENDING
    assert "SECRET_KEY_FALLBACKS" in (row.last_error or "")


def test_deleting_the_owner_deletes_the_job(client: TestClient, ada: User, bob: User) -> None:
    async def work(session: AsyncSession) -> None:
        await act.set(owner_id=ada.id, label="of Ada").enqueue(session)
        await act.set(owner_id=bob.id, label="of Bob" + 200 * "!").enqueue(session)
        await session.execute(delete(User).where(User.id == ada.id))

    in_database(client, work)

    assert [(row.label, row.owner_id) for row in all_jobs(client)] == [("of Bob" + 194 * "!", bob.id)]


def test_names_are_of_the_feature_or_package() -> None:
    async def deliver(run: JobRun) -> None:
        pass

    deliver.__module__ = "app.features.invoices.jobs"
    defined = job()(deliver)
    try:
        assert defined.name == "invoices.deliver"
        deliver.__module__ = "app.mail.jobs"
        assert job()(deliver).name == "mail.deliver"
    finally:
        for name in ("invoices.deliver", "mail.deliver"):
            definitions.pop(name, None)


def test_invalid_definitions_are_rejected() -> None:
    async def rest(run: JobRun, *names: str) -> None: ...

    async def untyped(run, name):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        ...

    def blocking(run: JobRun) -> None: ...

    async def required(run: JobRun, name: str) -> None: ...

    any_job: Any = job
    for function, message in ((rest, "names"), (untyped, "name"), (blocking, "async")):
        with pytest.raises(TypeError, match=message):
            any_job()(function)
    with pytest.raises(TypeError, match="need defaults"):
        any_job(schedule="0 3 * * *")(required)
    with pytest.raises(ValueError, match="is not a cron text"):
        any_job(schedule="at noon")(samples.act.function)
    with pytest.raises(ValueError, match="at least a second"):
        any_job(schedule=timedelta(0))(samples.act.function)

    async def act(run: JobRun) -> None: ...

    with pytest.raises(ValueError, match=r"two jobs are called tests\.act"):
        any_job()(act)
