"""PostgreSQL claims jobs by an index, however many are planned or have ended."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from tests.jobs.helpers import run_jobs
from tests.jobs.samples import act
from tests.query_counts import capture_statements
from tests.support import in_database

FILL = """
    INSERT INTO jobs (id, name, queue, priority, due_at, attempts, state, label, ended_at, version, created_at,
            updated_at)
        SELECT gen_random_uuid(), 'tests.act', 'default', 0, now() + interval '1 day', 0, 'pending', '',
            CASE WHEN n % 5 > 0 THEN now() END, 1, now(), now()
        FROM generate_series(1, 20000) AS n;
    ANALYZE jobs
"""


@pytest.mark.database("postgresql")
def test_jobs_are_claimed_by_an_index(own_database_url: str, start_app: Callable[..., TestClient]) -> None:
    client = start_app(database={"url": own_database_url})

    async def fill(session: AsyncSession) -> None:
        for statement in FILL.split(";"):
            await session.execute(text(statement))

    in_database(client, fill)
    in_database(client, act.enqueue)
    with capture_statements(client) as sent:
        run_jobs(client)
    claims = [(statement, values) for statement, values in sent if "SKIP LOCKED" in statement]

    async def explain(session: AsyncSession) -> list[str]:
        connection = await session.connection()
        return [
            "\n".join((await connection.exec_driver_sql(f"EXPLAIN {statement}", values)).scalars())
            for statement, values in claims
        ]

    plans = in_database(client, explain)
    assert plans
    for plan in plans:
        assert "Index Scan using ix_jobs_priority_due_at" in plan, plan
        assert "Sort" not in plan, plan
