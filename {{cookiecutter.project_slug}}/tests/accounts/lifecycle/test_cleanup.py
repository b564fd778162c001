"""Cleanup: expired rows are deleted, all others kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, update
from starlette.testclient import TestClient

from app.accounts.lifecycle import cleanup
from app.accounts.lifecycle.cleanup import CleanupTask, clean_up
from app.accounts.models import AuthEvent, AuthSession, OneTimeToken, RefreshToken, Role, User
from app.api.idempotency import IdempotencyKey
from app.api.rate_limits import AttemptCount
from app.database.base import utc_now
from app.database.connection import Database
from app.jobs.models import Job, JobSchedule
from tests.accounts.email_links import request_reset, try_login
from tests.jobs.helpers import run_jobs
from tests.support import PASSWORD, add_user, in_database, log_in, with_token

REFRESH = "/api/v1/auth/token/refresh"
NOTHING = {
    "unverified accounts": 0,
    "one-time tokens": 0,
    "rate limit counters": 0,
    "idempotency keys": 0,
    "sessions": 0,
    "succeeded jobs": 0,
    "failed jobs": 0,
    "events": 0,
}
LONG_AGO, YESTERDAY = timedelta(days=8), timedelta(days=1)


def run(client: TestClient, *tasks: CleanupTask) -> dict[str, Any]:
    assert client.portal is not None
    database, keep = client.app_state["database"], client.app_state["settings"].cleanup
    return dict(client.portal.call(clean_up, database, keep, tasks))


def age(client: TestClient, table: Any, by: timedelta, *columns: str) -> None:
    """Move the times of all rows of a table into the past."""
    past = dict.fromkeys(columns, utc_now() - by)
    in_database(client, lambda session: session.execute(update(table).values(**past)))


def end_jobs(client: TestClient, state: str, ago: timedelta) -> None:
    """End all jobs in this state, so long ago."""
    values = {"state": state, "ended_at": utc_now() - ago}
    in_database(client, lambda session: session.execute(update(Job).values(**values)))


def count(client: TestClient, table: type) -> int:
    return in_database(client, lambda session: session.scalar(select(func.count()).select_from(table))) or 0


def test_active_rows_are_kept(client: TestClient, ada: User) -> None:
    client.post("/api/v1/auth/register", json={"email": "carol@example.com", "password": PASSWORD})
    request_reset(client, ada.email)
    pair = log_in(client, ada.email)
    age(client, User, YESTERDAY, "created_at")
    end_jobs(client, "succeeded", YESTERDAY)

    assert run(client) == NOTHING

    assert with_token(client, pair["access_token"]).get("/api/v1/users/me").status_code == 200


def test_expired_rows_are_deleted_once(client: TestClient, ada: User) -> None:
    log_in(client, ada.email)
    request_reset(client, ada.email)
    age(client, OneTimeToken, timedelta(seconds=1), "expires_at")
    age(client, AttemptCount, timedelta(seconds=1), "expires_at")
    key = {"key_hash": b"key", "request_hash": b"request", "claim_id": uuid4(), "user_id": ada.id}
    in_database(client, lambda session: session.execute(insert(IdempotencyKey).values(**key, expires_at=utc_now())))
    age(client, AuthSession, LONG_AGO, "revoked_at")
    end_jobs(client, "succeeded", LONG_AGO)
    attempts, jobs = count(client, AttemptCount), count(client, Job)

    assert run(client) == NOTHING | {
        "one-time tokens": 1,
        "rate limit counters": attempts,
        "idempotency keys": 1,
        "sessions": 1,
        "succeeded jobs": jobs,
    }

    tables = (OneTimeToken, AttemptCount, IdempotencyKey, AuthSession, RefreshToken, Job)
    assert [count(client, table) for table in tables] == [0] * 6
    assert attempts > 0 < jobs
    assert count(client, AuthEvent) > 0
    assert run(client) == NOTHING


def test_pending_email_is_kept(client: TestClient, ada: User) -> None:
    request_reset(client, ada.email)
    age(client, Job, timedelta(days=1000), "created_at", "due_at")

    assert run(client) == NOTHING


@pytest.mark.parametrize(
    ("kind", "setting", "days", "table", "column"),
    [
        pytest.param("events", "event_retention", 365, AuthEvent, "at", id="events"),
        pytest.param("sessions", "session_retention", 7, AuthSession, "expires_at", id="sessions"),
    ],
)
def test_rows_are_kept_for_their_retention_period(  # noqa: PLR0913, PLR0917 - one row of the table
    start_app: Callable[..., TestClient], kind: str, setting: str, days: int, table: Any, column: str
) -> None:
    client = start_app()
    log_in(client, add_user(client, "ada@example.com").email)
    request_reset(client, "ada@example.com")
    rows = count(client, table)
    age(client, table, timedelta(days=days - 1), column)

    assert run(client) == NOTHING
    assert run(start_app(cleanup={setting: f"{days - 2}d"}))[kind] == rows > 0

    assert count(client, table) == 0


@pytest.mark.parametrize(
    ("state", "kind", "setting", "days"),
    [
        pytest.param("succeeded", "succeeded jobs", "succeeded_job_retention", 7, id="succeeded"),
        pytest.param("canceled", "failed jobs", "failed_job_retention", 30, id="canceled"),
        pytest.param("failed", "failed jobs", "failed_job_retention", 30, id="failed"),
    ],
)
def test_ended_jobs_are_kept_for_their_retention_period(  # noqa: PLR0913, PLR0917 - one row of the table
    start_app: Callable[..., TestClient], ada: User, state: str, kind: str, setting: str, days: int
) -> None:
    client = start_app()
    request_reset(client, ada.email)
    end_jobs(client, state, timedelta(days=days - 1))

    assert run(client) == NOTHING
    assert run(start_app(cleanup={setting: f"{days - 2}d"}))[kind] == 1

    assert count(client, Job) == 0


@pytest.mark.any_database
def test_more_rows_than_one_batch_are_deleted(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "BATCH_SIZE", 2)
    in_database(client, lambda session: session.run_sync(lambda sync: sync.add_all(_old_events(5))))

    assert run(client)["events"] == 5
    assert count(client, AuthEvent) == 0


async def fail(_database: Database) -> int:
    raise LookupError("nothing there")


async def count_roles(database: Database) -> int:
    async with database.read_sessions() as session:
        return await session.scalar(select(func.count()).select_from(Role)) or 0


def test_failed_task_stops_no_other(client: TestClient, admin: User, caplog: pytest.LogCaptureFixture) -> None:
    tasks = [CleanupTask("broken rows", fail), CleanupTask(f"roles of {admin.email}", count_roles)]

    counts = run(client, *tasks)

    assert counts == NOTHING | {"broken rows": None, f"roles of {admin.email}": 1}
    assert "cleanup of broken rows failed" in caplog.text
    assert "nothing there" in caplog.text


def test_job_cleans_up_once_a_day(client: TestClient, ada: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "app.cleanup")

    def add_old_event() -> None:
        in_database(client, lambda session: session.run_sync(lambda sync: sync.add_all(_old_events(1))))

    def let_a_day_pass() -> None:
        age(client, JobSchedule, timedelta(seconds=1), "next_at")

    add_old_event()
    run_jobs(client)
    assert count(client, AuthEvent) == 1, "it is planned for the next night"

    let_a_day_pass()
    run_jobs(client)
    assert count(client, AuthEvent) == 0
    assert "cleanup deleted: 1 events" in caplog.messages

    add_old_event()
    run_jobs(client)
    assert count(client, AuthEvent) == 1, "it runs again tomorrow"

    let_a_day_pass()
    run_jobs(client)
    assert count(client, AuthEvent) == 0
    assert try_login(client, ada.email) == 200


def _old_events(number: int) -> list[AuthEvent]:
    return [AuthEvent(name="authn_login_success", at=utc_now() - timedelta(days=366)) for _ in range(number)]


@pytest.mark.parametrize("column", ["expires_at", "idle_expires_at", "revoked_at"])
def test_ended_session_is_kept_for_a_week(client: TestClient, ada: User, column: str) -> None:
    log_in(client, ada.email)

    age(client, AuthSession, timedelta(days=6), column)
    assert run(client)["sessions"] == 0

    age(client, AuthSession, LONG_AGO, column)
    assert run(client)["sessions"] == 1


def test_reuse_is_detected_after_a_cleanup(client: TestClient, ada: User) -> None:
    """Behaviour 71."""
    pair = log_in(client, ada.email)
    newer = client.post(REFRESH, json={"refresh_token": pair["refresh_token"]}).json()
    age(client, AuthSession, LONG_AGO, "created_at")
    long_used = {"used_at": utc_now() - LONG_AGO, "expires_at": utc_now() - YESTERDAY}
    used = update(RefreshToken).where(RefreshToken.used_at.is_not(None)).values(**long_used)
    in_database(client, lambda session: session.execute(used))

    run(client)

    assert client.post(REFRESH, json={"refresh_token": pair["refresh_token"]}).status_code == 401
    assert client.post(REFRESH, json={"refresh_token": newer["refresh_token"]}).status_code == 401
    reason = in_database(client, lambda session: session.scalar(select(AuthSession.revoked_reason)))
    assert reason == "refresh_reuse"


def test_unverified_address_is_released(client: TestClient, ada: User) -> None:
    """Behaviour 13."""
    first = {"email": "carol@example.com", "password": PASSWORD}
    client.post("/api/v1/auth/register", json=first)
    age(client, User, LONG_AGO, "created_at")

    assert run(client)["unverified accounts"] == 1

    assert try_login(client, ada.email) == 200, "ada's is verified"
    assert try_login(client, first["email"]) == 401
    client.post("/api/v1/auth/register", json=first | {"password": "another good passphrase"})
    assert try_login(client, first["email"], "another good passphrase") == 403
