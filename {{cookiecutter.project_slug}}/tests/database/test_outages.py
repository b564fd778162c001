"""A database that is unreachable, full, busy or too slow: each request returns 503 and logs one line."""

import asyncio
import logging
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asyncpg import Connection
from fastapi import APIRouter
from sqlalchemy import text
from starlette.testclient import TestClient

from app.accounts.models import User
from app.api.dependencies import SessionDep
from app.database import engine, outages
from app.database.connection import open_database
from app.settings.config import DatabaseSettings
from tests.jobs.helpers import new_runner
from tests.postgres import free_port
from tests.support import add_user, execute, in_database, make_database_unavailable, problem_of, sign_in, wait_until

FAIL = "/api/v1/fail"
NOTES = "/api/v1/sample-notes"


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "_last_reports", {})


@pytest.fixture
def run_sql(add_routes: Callable[[APIRouter], None]) -> Callable[..., Any]:
    """Return a function that runs statements in the transaction of a request."""

    def ask(client: TestClient, *statements: str) -> Any:
        router = APIRouter()

        @router.post(FAIL)
        async def fail(session: SessionDep) -> None:
            for statement in statements:
                await session.execute(text(statement))

        add_routes(router)
        return client.post(FAIL)

    return ask


def test_unreachable_database_returns_503_everywhere(
    start_app: Callable[..., TestClient], own_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = start_app(database={"url": own_database_url})
    as_ada = sign_in(client, add_user(client, "ada@example.com"))
    make_database_unavailable(client)

    responses = [
        client.post("/api/v1/auth/login", json={"email": "ada@example.com", "password": "a password of hers"}),
        as_ada.get(NOTES),
        as_ada.post(NOTES, json={"title": "First"}),
        client.get("/health/ready"),
    ]

    assert [(response.status_code, response.headers["Retry-After"]) for response in responses] == [(503, "1")] * 4
    assert {problem_of(response)["detail"] for response in responses} <= {
        "The database is not responding.",
        "The database refused the connection.",
    }
    lines = [record for record in caplog.records if record.name == "app.database"]
    assert [record.levelno for record in caplog.records if record.levelno >= logging.WARNING] == [logging.WARNING] * 4
    assert [record.exc_info is not None for record in lines] == [True, False, False, False]
    assert client.get("/health/live").status_code == 200


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(
    ("sqlstate", "status"),
    [
        *((code, 503) for code in ("08006", "53100", "53300", "57P03", "57014", "55P03", "40001", "40P01", "58030")),
        ("25006", 503),
        ("42P01", 500),
        ("22012", 500),
    ],
)
def test_transient_postgresql_errors_return_503(
    client: TestClient, run_sql: Callable[..., Any], sqlstate: str, status: int
) -> None:
    response = run_sql(client, f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$")

    assert response.status_code == status
    assert response.headers.get("Retry-After") == ("1" if status == 503 else None)
    assert client.get("/health/ready").status_code == 200


@pytest.mark.database("postgresql")
def test_transient_commit_failure_returns_503_and_is_not_retried(
    start_app: Callable[..., TestClient],
    own_database_url: str,
    run_sql: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fails = "BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END"
    execute(own_database_url, f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $${fails}$$")
    late = "AFTER INSERT ON roles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
    execute(own_database_url, f"CREATE CONSTRAINT TRIGGER late {late}")
    client = start_app(database={"url": own_database_url})

    response = run_sql(client, "INSERT INTO roles VALUES (gen_random_uuid(), 'one', '[]', 1, now(), now())")

    assert (response.status_code, problem_of(response)["detail"]) == (
        503,
        "The record is locked by another transaction.",
    )
    assert caplog.text.count("unavailable:") == 1
    assert in_database(client, lambda session: session.scalar(text("SELECT count(*) FROM roles"))) == 0


@pytest.mark.database("postgresql")
def test_migration_of_a_column_in_use_is_retried_or_returns_503(
    start_app: Callable[..., TestClient], own_database_url: str
) -> None:
    client = start_app(database={"url": own_database_url, "pool_size": 1})
    client = sign_in(client, add_user(client, "ada@example.com"))
    note = f"{NOTES}/{client.post(NOTES, json={'title': 'First'}).json()['id']}"
    client.get(note)
    client.patch(note, json={"title": "Second"})

    execute(own_database_url, "ALTER TABLE sample_notes ALTER title TYPE text")
    reads = [client.get(note).status_code for _ in range(3)]
    execute(own_database_url, "ALTER TABLE sample_notes ALTER title TYPE varchar(300)")
    writes = [client.patch(note, json={"title": title}).status_code for title in ("Third", "Fourth", "Fifth")]

    assert {*reads[:-1], *writes[:-1]} <= {200, 503}
    assert (reads[-1], writes[-1], client.get(note).json()["title"]) == (200, 200, "Fifth")


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("statement", ["BEGIN", "COMMIT", "ROLLBACK"])
def test_connection_is_usable_after_a_canceled_transaction_statement(
    start_app: Callable[..., TestClient], own_database_url: str, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    client = start_app(database={"url": own_database_url, "pool_size": 1})
    client = sign_in(client, add_user(client, "ada@example.com"))
    client.post(NOTES, json={"title": "First"})
    run = Connection.execute
    canceled: list[str] = []

    async def cancel_once(connection: Connection, query: str, *values: Any, **options: Any) -> Any:
        if query.startswith(statement) and not canceled:
            canceled.append(query)
            query = "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(10)"
        return await run(connection, query, *values, **options)

    monkeypatch.setattr(Connection, "execute", cancel_once)
    title = "First" if statement == "ROLLBACK" else "Second"  # which is taken, so that it is rolled back
    response = client.post(NOTES, json={"title": title})

    assert canceled
    assert response.status_code == 503 or statement == "ROLLBACK"  # which here fails for another reason
    assert [client.post(NOTES, json={"title": title}).status_code for title in ("Second", "Third")] == [201, 201]
    assert [note["title"] for note in client.get(NOTES).json()["items"]] == ["Third", "Second", "First"]


@pytest.mark.database("sqlite")
def test_full_disk_returns_503(
    start_app: Callable[..., TestClient], own_database_url: str, run_sql: Callable[..., Any]
) -> None:
    client = start_app(database={"url": own_database_url})
    in_database(client, lambda session: session.execute(text("PRAGMA max_page_count = 1")))  # no page can be added

    response = run_sql(client, f"INSERT INTO roles SELECT randomblob(16), hex(randomblob({10**6})), '[]', 1, 0, 0")

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert problem_of(response)["detail"] == "The database is out of disk space, memory or connections."


@pytest.mark.database("sqlite")
def test_read_only_database_returns_503(
    start_app: Callable[..., TestClient], own_database_url: str, run_sql: Callable[..., Any]
) -> None:
    response = run_sql(start_app(database={"url": own_database_url}), "PRAGMA query_only = ON", "DELETE FROM roles")

    assert problem_of(response)["detail"] == "The database is read-only."


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("by_sql", [False, True])
def test_connection_to_a_demoted_server_is_not_used_again(
    start_app: Callable[..., TestClient], own_database_url: str, run_sql: Callable[..., Any], *, by_sql: bool
) -> None:
    client = start_app(database={"url": own_database_url, "pool_size": 1})
    as_ada = sign_in(client, add_user(client, "ada@example.com"))
    server, _, name = own_database_url.rpartition("/")

    def write() -> int:
        response = run_sql(client, "DELETE FROM roles") if by_sql else as_ada.post(NOTES, json={"title": "First"})
        return int(response.status_code)

    execute(f"{server}/postgres", f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    client.portal.call(client.app_state["database"].engine.dispose)  # type: ignore[union-attr] # new connections read
    during = write()
    execute(f"{server}/postgres", f'ALTER DATABASE "{name}" RESET default_transaction_read_only')

    assert (during, write()) == (503, 200 if by_sql else 201)


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(
    ("limits", "statements"),
    [
        pytest.param({"statement_timeout": "500ms"}, ["SELECT pg_sleep(30)"], id="by-the-server"),
        pytest.param(
            {"statement_timeout": "500ms"},
            ["SET statement_timeout = 0", "SELECT pg_sleep(30)"],
            id="server-has-stopped",
        ),
    ],
)
def test_slow_statement_is_canceled(
    start_app: Callable[..., TestClient],
    run_sql: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    limits: dict[str, str],
    statements: list[str],
) -> None:
    monkeypatch.setattr(engine, "CLIENT_TIMEOUT_MARGIN_SECONDS", 0.1)
    client = start_app(database=limits)

    response = run_sql(client, *statements)

    assert (response.status_code, problem_of(response)["detail"]) == (503, "The database took too long.")
    assert client.get("/health/ready").status_code == 200


@pytest.mark.database("postgresql")
def test_transaction_without_statements_is_ended_by_the_server(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "IDLE_TRANSACTION_TIMEOUT", timedelta(milliseconds=50))
    settings = DatabaseSettings(url=database_url)
    find = "SELECT count(*) FROM pg_stat_activity WHERE pid = "

    async def forget() -> None:
        async with open_database(settings) as database, database.sessions() as session:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            async with database.read_sessions() as other:
                while await other.scalar(text(f"{find}{pid}")):  # noqa: ASYNC110 - the server ends it
                    await asyncio.sleep(0.01)
            with pytest.raises(outages.DatabaseUnavailable):
                await session.execute(text("SELECT 1"))

    asyncio.run(forget())


@pytest.mark.database("postgresql")
def test_canceled_statement_raises_no_other_error(database_url: str) -> None:
    async def cancel() -> None:
        async with open_database(DatabaseSettings(url=database_url)) as database, database.sessions() as session:
            await session.execute(text("SELECT 1"))
            async with asyncio.timeout(0.05):
                await session.execute(text("SELECT pg_sleep(30)"))

    with pytest.raises(TimeoutError):
        asyncio.run(cancel())


@pytest.mark.database("postgresql")
def test_waiting_for_a_lock_times_out(start_app: Callable[..., TestClient], ada: User) -> None:
    client = start_app(database={"lock_timeout": "50ms"})
    as_ada = sign_in(client, ada)
    url = client.app_state["settings"].database.url

    async def post_while_locked() -> Any:
        async with open_database(DatabaseSettings(url=url)) as other, other.write_engine.begin() as connection:
            await connection.execute(text("LOCK TABLE sample_notes"))
            return await asyncio.to_thread(as_ada.post, NOTES, json={"title": "First"})

    response = asyncio.run(post_while_locked())

    assert (response.status_code, problem_of(response)["detail"]) == (
        503,
        "The record is locked by another transaction.",
    )
    assert as_ada.post(NOTES, json={"title": "First"}).status_code == 201


@pytest.mark.any_database
def test_unresponsive_server_times_out(start_app: Callable[..., TestClient]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/app"
        client = start_app(database={"url": url, "connect_timeout": "50ms"})

        problem = problem_of(client.get("/health/ready"))

    assert (problem["status"], problem["detail"]) == (503, "The database took too long.")


def test_log_has_no_parameter_values(
    client: TestClient, ada: User, add_routes: Callable[[APIRouter], None], caplog: pytest.LogCaptureFixture
) -> None:
    router = APIRouter()

    @router.post(FAIL)
    async def fail(session: SessionDep) -> None:
        session.add(User(email=ada.email, email_key=ada.email_key, password_hash=ada.password_hash))
        await session.flush()

    add_routes(router)
    caplog.set_level(logging.DEBUG)

    response = client.post(FAIL)
    client.post("/api/v1/auth/login", json={"email": ada.email, "password": "not the password"})

    assert response.status_code == 500
    assert "IntegrityError" in caplog.text
    assert ada.email not in caplog.text
    assert "$argon2" not in caplog.text


@pytest.mark.any_database
def test_unreachable_redis_returns_503(start_app: Callable[..., TestClient], caplog: pytest.LogCaptureFixture) -> None:
    client = start_app(redis_url=f"redis://127.0.0.1:{free_port()}")
    login = {"email": "ada@example.com", "password": "not the password"}

    responses = [client.post("/api/v1/auth/login", json=login) for _ in range(2)]

    assert [(response.status_code, response.headers["Retry-After"]) for response in responses] == [(503, "1")] * 2
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [(record.name, record.exc_info is not None) for record in lines] == [
        ("app.database", True),
        ("app.database", False),
    ]


@pytest.mark.database("postgresql")
def test_runner_of_jobs_logs_one_line_and_continues(
    start_app: Callable[..., TestClient], own_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = start_app(database={"url": own_database_url})
    make_database_unavailable(client)
    runner = new_runner(client)

    async def look() -> None:
        running = asyncio.create_task(runner.run())
        await asyncio.to_thread(wait_until, lambda: caplog.text.count("unavailable:"))
        runner.stop()
        await running

    client.portal.call(look)  # type: ignore[union-attr]

    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (line.name, line.levelname) == ("app.database", "WARNING")
