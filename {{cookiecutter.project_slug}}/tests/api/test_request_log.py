"""The request log: who asked for what, how long it took and what the database did, also for other code."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from fastapi import APIRouter
from sqlalchemy import text
from starlette.testclient import TestClient
from starlette.types import Scope

from app.accounts.models import User
from app.api.dependencies import DatabaseDep, SessionDep, WriteSessionDep
from app.api.logs import LogFormatter
from app.api.request_log import observers, route_template
from app.log_context import current_work
from tests.support import sign_in, wait_until

NOTES = "/api/v1/sample-notes"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[Any]]:
    """Return the records of the request log so far."""
    caplog.set_level(logging.INFO, "app.requests")
    return lambda: [record for record in caplog.records if record.name == "app.requests"]


def test_request_is_logged_with_its_caller_route_and_statements(
    as_ada: TestClient, ada: User, logged: Callable[[], list[Any]]
) -> None:
    note = as_ada.post(NOTES, json={"title": "Hello"}).json()
    as_ada.get(f"{NOTES}/{note['id']}", headers={"X-Forwarded-For": "9.9.9.9"})

    created, read = logged()
    assert (created.getMessage(), created.route) == (f"POST {NOTES} 201", NOTES)
    assert (read.getMessage(), read.route) == (f"GET {NOTES}/{note['id']} 200", f"{NOTES}/{{note_id}}")
    assert {record.user_id for record in logged()} == {ada.id}
    assert {record.ip for record in logged()} == {"testclient"}
    assert (created.statements, read.statements) == (2, 2), "the caller, then the note"
    for record in logged():
        assert record.ms >= record.db_ms > 0


def test_request_without_a_route_a_caller_or_a_statement(client: TestClient, logged: Callable[[], list[Any]]) -> None:
    client.get("/nowhere/at/all")
    client.head("/health/live")

    missing, alive = logged()
    assert (missing.getMessage(), missing.route, missing.user_id) == ("GET /nowhere/at/all 404", None, None)
    assert (alive.getMessage(), alive.route) == ("HEAD /health/live 200", "/health/live")
    assert (alive.statements, alive.db_ms) == (0, 0)


def test_websocket_is_logged_with_its_statements(as_ada: TestClient, logged: Callable[[], list[Any]]) -> None:
    with as_ada.websocket_connect(f"{NOTES}/socket") as socket:
        socket.send_text("hello")
        socket.receive_json()

    wait_until(logged)
    assert logged()[0].getMessage().startswith(f"WEBSOCKET {NOTES}/socket 100")
    assert logged()[0].route == f"{NOTES}/socket"
    assert logged()[0].statements > 0


def test_all_ways_of_executing_statements_are_counted(
    client: TestClient, add_routes: Callable[[APIRouter], None], logged: Callable[[], list[Any]]
) -> None:
    router, one = APIRouter(), text("SELECT 1")

    @router.get("/of-a-session")
    async def of_session(session: SessionDep) -> None:
        await session.execute(one)
        await session.execute(one)

    @router.get("/of-a-transaction")
    async def of_transaction(session: WriteSessionDep) -> None:
        await session.execute(one)
        await session.flush()

    @router.get("/of-the-database")
    async def of_database(database: DatabaseDep) -> None:
        await database.execute(one)
        async with database.write_engine.begin() as connection:
            await connection.execute(text("UPDATE users SET locale = :locale"), [{"locale": "en"}, {"locale": "de"}])

    @router.get("/of-none")
    async def of_none() -> None:
        current_work.set(None)

    add_routes(router)
    client.get("/of-a-session")  # SQLAlchemy's first connection executes statements of its own
    for route in router.routes:
        assert client.get(cast(Any, route).path).status_code == 200

    assert [record.statements for record in logged()[1:]] == [2, 1, 2, 0]


def test_slow_statement_is_logged_without_its_values(
    start_app: Callable[..., TestClient], ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    client = start_app(database={"slow_statements": timedelta(microseconds=1)})
    sign_in(client, ada).post(NOTES, json={"title": "needle"})

    slow = [record for record in caplog.records if record.getMessage() == "slow statement"]
    [fields] = [cast(Any, record) for record in slow if "INSERT INTO sample_notes" in cast(Any, record).statement]
    assert "needle" not in str(vars(fields))
    assert fields.ms > 0
    assert all("\n" not in cast(Any, record).statement for record in slow)


def test_statements_are_not_slow_by_default(as_ada: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    as_ada.get(NOTES)

    assert "slow statement" not in caplog.text


def test_record_within_a_request_has_its_id(client: TestClient, add_routes: Callable[[APIRouter], None]) -> None:
    router, lines = APIRouter(), list[str]()

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(LogFormatter().format(record))

    @router.get("/of-the-test")
    def log_in_a_thread() -> None:
        logging.getLogger("app.test").warning("hello")

    add_routes(router)
    handler = Lines()
    logging.getLogger("app.test").addHandler(handler)
    try:
        client.get("/of-the-test", headers={"X-Request-ID": "request-of-ada"})
    finally:
        logging.getLogger("app.test").removeHandler(handler)

    assert [line.split(" ", 1)[1] for line in lines] == ["WARNING app.test hello request_id=request-of-ada"]


def test_observers_hear_of_each_request(as_ada: TestClient) -> None:
    heard = []

    def observe(scope: Scope, method: str, status: int, seconds: float) -> None:
        heard.append((method, route_template(scope), status, seconds > 0, scope["state"]["work"].statements > 0))

    observers.append(observe)
    try:
        as_ada.get(f"{NOTES}/{UUID(int=0)}")
        as_ada.head("/health/live")
    finally:
        observers.remove(observe)

    assert heard == [
        ("GET", f"{NOTES}/{{note_id}}", 404, True, True),
        ("HEAD", "/health/live", 200, True, False),
    ]
