"""The request log: who asked for what, how long it took and what the database did, also for other code."""

import logging
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import pytest
from fastapi import APIRouter
from sqlalchemy import text
from starlette.testclient import TestClient
from starlette.types import Scope

from app.accounts.models import User
from app.api.dependencies import DatabaseDep, SessionDep, WriteSessionDep
from app.api.request_log import observers, route_template
from app.log_context import current_work
from tests.support import wait_until

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
    for route in router.routes:
        assert client.get(cast(Any, route).path).status_code == 200

    assert [record.statements for record in logged()] == [2, 1, 2, 0]


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
