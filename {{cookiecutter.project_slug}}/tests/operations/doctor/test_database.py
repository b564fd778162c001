"""Findings about the database, the schema, jobs and addresses."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, User
from app.database import revisions
from app.database.base import utc_now
from app.jobs.models import Job, JobSchedule, JobState
from app.mail.jobs import send
from tests.operations.doctor.conftest import Diagnosis
from tests.postgres import free_port
from tests.server import Server, start_process
from tests.support import execute, in_database, wait_until

Diagnose = Callable[..., Diagnosis]


def enqueue(client: TestClient, **values: object) -> None:
    """Queue an email, with these values in its row."""

    async def work(session: AsyncSession) -> None:
        await send.enqueue(session, "ada@example.com", "Subject: Hello\n\nHello")
        if values:
            await session.execute(update(Job).values(values))

    in_database(client, work)


def test_running_installation_has_no_errors(
    diagnose: Diagnose, start_server: Callable[..., Server], database_url: str, database_kind: str, tmp_path: Path
) -> None:
    server = start_server(JOBS_IN_SERVER="true")
    port = str(server.client.base_url.port)

    wait_until(lambda: diagnose(SERVER_PORT=port).of("jobs")[0][0] == "ok")
    found = diagnose(SERVER_PORT=port)

    assert found.code == 0
    assert found.of("port") == [("ok", f"The server is running on port {port}.")]
    assert found.of("website") == [("ok", f"http://127.0.0.1:{port}/health/ready responds.")]
    assert {item["check"] for item in found.findings} >= {"settings", "database", "schema", "jobs", "emails", "proxies"}
    assert bool(found.of("connections")) is (database_kind == "postgresql")
    process = start_process(tmp_path, "doctor.log", "doctor", DATABASE_URL=database_url, SERVER_PORT=port)
    assert process.wait(60) == 0
    assert "No process runs jobs." not in (tmp_path / "doctor.log").read_text()


def test_pending_migration_is_an_error_with_the_command_as_invoked(
    diagnose: Diagnose, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEV_PY", "python3 dev.py")

    found = diagnose(DATABASE_URL=empty_database_url)

    assert found.code == 1
    assert found.of("schema") == [("error", "Migrations are pending; the database is at -.")]
    assert found.fixes("schema") == ["Run `python3 dev.py app db upgrade`."]
    assert found.of("jobs") == []


def test_database_of_a_newer_release_is_an_error_if_it_is_incompatible(
    diagnose: Diagnose, own_database_url: str
) -> None:
    execute(own_database_url, "UPDATE alembic_version SET version_num = '9999'")
    compatible = diagnose(DATABASE_URL=own_database_url)
    execute(own_database_url, "INSERT INTO alembic_incompatible (revision) VALUES ('9999')")
    incompatible = diagnose(DATABASE_URL=own_database_url)

    message = "The database belongs to a newer release (9999)."
    assert compatible.of("schema") == [("warning", message)]
    assert incompatible.of("schema") == [("error", message)]


@pytest.mark.any_database
def test_two_heads_are_an_error(diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch) -> None:
    two = revisions.CodeRevisions(frozenset({"a", "b"}), frozenset({"a", "b"}))
    monkeypatch.setattr(revisions, "code_revisions", lambda: two)

    found = diagnose()

    assert found.of("schema") == [("error", "The migrations have several heads: a, b.")]
    assert found.fixes("schema") == ["Run `app db merge`."]


def test_unreachable_database_is_one_error(diagnose: Diagnose) -> None:
    url = f"postgresql://app:s3cret@127.0.0.1:{free_port()}/app"

    found = diagnose(DATABASE_URL=url)

    assert found.code == 1
    ((status, message),) = found.of("database")
    assert (status, message.partition("(")[0]) == ("error", "The database is not responding ")
    assert [found.of(check) for check in ("schema", "secret-key", "connections", "jobs", "proxies")] == [[]] * 5
    assert "s3cret" not in found.printed


def test_key_that_does_not_belong_to_the_database_is_an_error(client: TestClient, diagnose: Diagnose) -> None:
    enqueue(client)

    assert diagnose().of("secret-key") == [("ok", "It decrypts what is stored.")]
    assert diagnose(SECRET_KEY="another key, as in the secrets of an old volume").of("secret-key")[0][0] == "error"


@pytest.mark.database("postgresql")
def test_more_connections_than_postgresql_allows_are_an_error(diagnose: Diagnose) -> None:
    few = diagnose(DATABASE_POOL_SIZE="5", SERVER_WORKERS="2").of("connections")
    many = diagnose(DATABASE_POOL_SIZE="200", SERVER_WORKERS="64").of("connections")

    assert (few[0][0], many[0][0]) == ("ok", "error")
    assert "up to 6 (5 for requests and jobs, 1 for live updates)" in few[0][1]


@pytest.mark.database("postgresql")
def test_missing_timeouts_and_direct_url_are_warnings(diagnose: Diagnose) -> None:
    found = diagnose(DATABASE_STATEMENT_TIMEOUT="0", DATABASE_PGBOUNCER="true").of("database")

    assert [status for status, _ in found] == ["ok", "warning", "warning"]


def test_jobs_that_no_process_runs_are_an_error_in_production(client: TestClient, diagnose: Diagnose) -> None:
    async def plan(session: AsyncSession) -> None:
        session.add(JobSchedule(name="accounts.clean_up", next_at=utc_now() - timedelta(hours=1)))

    in_database(client, plan)
    production = {"ENVIRONMENT": "production", "AUTH_ARGON2_MEMORY_KIB": "47104", "JOBS_IN_SERVER": "false"}

    found = diagnose(**production, BASE_URL=f"https://127.0.0.1:{free_port()}")

    assert found.of("jobs")[0] == ("error", "No process runs jobs.")
    assert found.fixes("jobs")[0] == "Start `app worker`."


def test_late_jobs_and_undelivered_emails_are_warnings(client: TestClient, diagnose: Diagnose) -> None:
    async def plan(session: AsyncSession) -> None:
        session.add(JobSchedule(name="accounts.clean_up", next_at=utc_now() + timedelta(hours=1)))

    in_database(client, plan)
    enqueue(client, state=JobState.FAILED, ended_at=utc_now())
    in_database(client, lambda session: send.enqueue(session, "ada@example.com", "Subject: Hello\n\nHello"))
    late = update(Job).where(Job.ended_at.is_(None)).values(due_at=utc_now() - timedelta(minutes=6))
    in_database(client, lambda session: session.execute(late))

    found = diagnose()

    assert found.of("jobs") == [("warning", "1 are waiting, 1 of them late, 0 failed.")]
    assert found.of("emails") == [("warning", "1 could not be delivered.")]


def test_clients_that_all_have_one_private_address_are_a_warning(
    client: TestClient, diagnose: Diagnose, ada: User
) -> None:
    def add_events(ip: str) -> None:
        async def add(session: AsyncSession) -> None:
            session.add_all(AuthEvent(name="test", user_id=ada.id, ip=ip) for _ in range(20))

        in_database(client, add)

    add_events("172.18.0.1")
    behind_a_proxy = diagnose()
    add_events("8.8.8.8")
    from_outside = diagnose()

    assert behind_a_proxy.of("proxies")[0][0] == "warning"
    assert "SERVER_TRUSTED_PROXIES=172.18.0.1" in behind_a_proxy.fixes("proxies")[0]
    assert from_outside.of("proxies") == [("ok", "None is trusted.")]
