"""A test that dashboard.py copies into a project."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.testclient import TestClient
from tests.support import in_database  # type: ignore[import-not-found]

MONTH_MS = 30 * 24 * 60 * 60 * 1000
REQUESTS = 5
CHUNK = 50_000  # a statement has fifteen seconds

# A key starts with the time of creation. The rows are spread over a month.
ROWS = {
    "postgresql": """
        SELECT n, to_timestamp(ms / 1000.0) AS at,
               CAST(lpad(to_hex(ms), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0')
                    AS uuid) AS id
        FROM (SELECT n, {begin} + n * CAST({step} AS bigint) AS ms
              FROM generate_series({first}, {last}) AS n) AS numbers
    """,
    "sqlite": """
        SELECT n, strftime('%Y-%m-%d %H:%M:%f000', ms / 1000.0, 'unixepoch') AS at,
               printf('%012x70008000%012x', ms, n) AS id
        FROM (WITH RECURSIVE numbers(n) AS
                  (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})
              SELECT n, {begin} + n * {step} AS ms FROM numbers) AS numbers
    """,
}
INSERTS = [
    """INSERT INTO users
           (id, email, email_key, display_name, is_active, version, created_at, updated_at)
       SELECT id, 'u' || n || '@example.com', 'u' || n || '@example.com', '', true, 1, at, at
       FROM ({rows}) AS made""",
    """INSERT INTO auth_events (id, at, name, ip, user_agent, request_id, data)
       SELECT id, at, 'authn_login_' || CASE WHEN n % 5 = 0 THEN 'fail' ELSE 'success' END,
              '', '', '', '{{}}'
       FROM ({rows}) AS made""",
    """INSERT INTO notes (id, title, body, owner_id, version, created_at, updated_at)
       SELECT id, 'Note ' || n, '', (SELECT id FROM users LIMIT 1), 1, at, at
       FROM ({rows}) AS made""",
]


async def fill(session: AsyncSession, begin: int, first: int, rows: int) -> None:
    """Insert rows into users, events and notes, from the number `first` on."""
    dialect = session.get_bind().dialect.name
    last, step = min(first + CHUNK - 1, rows), MONTH_MS // (rows + 1)
    made = ROWS[dialect].format(begin=begin, step=step, first=first, last=last)
    for insert in INSERTS:
        await (await session.connection()).exec_driver_sql(insert.format(rows=made))


async def tidy(engine: AsyncEngine) -> None:
    """Do what PostgreSQL does in the background, so that it reads an index without the table."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        is_postgresql = engine.dialect.name == "postgresql"
        await connection.execute(text("VACUUM ANALYZE" if is_postgresql else "ANALYZE"))


@contextmanager
def slowest_statement(client: TestClient) -> Iterator[list[tuple[float, str]]]:
    """Collect the milliseconds and the text of each statement."""
    engine = client.app_state["database"].engine.sync_engine
    seen: list[tuple[float, str]] = []

    def begin(connection: Any, *_: object) -> None:  # noqa: ANN401 - SQLAlchemy's
        connection.info["begun"] = time.perf_counter()

    def end(connection: Any, _: object, statement: str, *__: object) -> None:  # noqa: ANN401
        seen.append(((time.perf_counter() - connection.info["begun"]) * 1000, statement))

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    yield seen
    event.remove(engine, "before_cursor_execute", begin)
    event.remove(engine, "after_cursor_execute", end)


@pytest.mark.parametrize("rows", [1, 10, 1_000_000])
def test_speed(client: TestClient, browser: TestClient, rows: int) -> None:
    """Request the dashboard."""
    database = client.app_state["database"].engine.dialect.name
    begin = int(time.time() * 1000) - MONTH_MS
    for first in range(1, rows + 1, CHUNK):
        in_database(client, partial(fill, begin=begin, first=first, rows=rows))
    client.portal.call(tidy, client.app_state["database"].engine)
    times = []
    used = time.process_time()
    with slowest_statement(client) as statements:
        for _ in range(REQUESTS):
            begun = time.perf_counter()
            assert browser.get("/admin/").status_code == 200
            times.append((time.perf_counter() - begun) * 1000)
    used = (time.process_time() - used) * 1000 / REQUESTS
    slowest, statement = max(statements)
    print(
        f"{database}, {rows:,} rows: {statistics.median(times):.0f} ms, processor {used:.0f} ms,"
        f" slowest statement {slowest:.0f} ms: {' '.join(statement.split())[:120]}"
    )
