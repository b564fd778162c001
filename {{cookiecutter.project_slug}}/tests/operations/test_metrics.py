"""Metrics: what they count, who may read them, and that several processes return the same."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.database.base import utc_now
from app.jobs.errors import JobFailed
from app.jobs.run import JobRun
from tests.jobs.helpers import run_jobs
from tests.jobs.samples import act, actions, hang
from tests.postgres import free_port
from tests.query_counts import capture_statements
from tests.server import Server, start_process
from tests.support import PASSWORD, add_user, in_database, make_database_unavailable, wait_until

TOKEN = "a token of the tests, for Prometheus"
AS_PROMETHEUS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def measured(start_app: Callable[..., TestClient]) -> TestClient:
    """Return a client of an app that has metrics."""
    return start_app(metrics={"token": TOKEN}, project_name="Measured")


def read_metrics(client: Any) -> dict[str, float]:
    """Return the value of each series."""
    response = client.get("/metrics", headers=AS_PROMETHEUS)
    assert response.status_code == 200, response.text
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}


def changes(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {series: value - before.get(series, 0) for series, value in after.items() if value != before.get(series)}


def test_metrics_are_off_by_default(client: TestClient) -> None:
    assert client.get("/metrics", headers=AS_PROMETHEUS).status_code == 404


@pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer other", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}é"])
def test_metrics_require_their_token(measured: TestClient, sent: str | None) -> None:
    headers = {} if sent is None else {b"authorization": sent.encode()}

    response = measured.get("/metrics", headers=headers)

    assert response.status_code == 401
    assert "http_request" not in response.text


def test_requests_are_counted_by_method_route_and_status(measured: TestClient) -> None:
    before = read_metrics(measured)

    measured.get("/health/live")
    measured.get("/health/live")
    measured.get("/api/v1/users/me")
    for path in ("/no", "/no/1", "/no/2"):
        measured.get(path)
    measured.request("BREW", "/no")

    found = changes(before, read_metrics(measured))
    name = "http_request_duration_seconds_count"
    assert {series: value for series, value in found.items() if name in series and "/metrics" not in series} == {
        f'{name}{{method="GET",route="/health/live",status="2xx"}}': 2,
        f'{name}{{method="GET",route="/api/v1/users/me",status="4xx"}}': 1,
        f'{name}{{method="GET",route="(none)",status="4xx"}}': 3,
        f'{name}{{method="OTHER",route="(none)",status="4xx"}}': 1,
    }


def test_sign_ins_are_counted_by_outcome(measured: TestClient) -> None:
    add_user(measured, "ada@example.com")
    before = read_metrics(measured)

    for password in (PASSWORD, "wrong", "wrong"):
        measured.post("/api/v1/auth/login", json={"email": "ada@example.com", "password": password})

    found = changes(before, read_metrics(measured))
    assert found['account_events_total{event="authn_login_success"}'] == 1
    assert found['account_events_total{event="authn_login_fail"}'] == 2


def test_jobs_are_counted_by_name_and_outcome(measured: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: JobRun) -> None:
        raise JobFailed

    monkeypatch.setitem(actions, "fail", fail)
    in_database(measured, act.enqueue)
    in_database(measured, lambda session: act.enqueue(session, "fail"))
    before = read_metrics(measured)

    run_jobs(measured)

    found = changes(before, read_metrics(measured))
    assert found['job_duration_seconds_count{job="tests.act",outcome="succeeded"}'] == 1
    assert found['job_duration_seconds_count{job="tests.act",outcome="failed"}'] == 1


def test_waiting_and_failed_jobs_are_counted_in_the_database(measured: TestClient) -> None:
    due = utc_now() - timedelta(minutes=10)
    in_database(measured, lambda session: act.set(at=due).enqueue(session))
    in_database(measured, lambda session: act.set(at=due + timedelta(days=1)).enqueue(session))
    in_database(measured, hang.enqueue)
    update = "UPDATE jobs SET state = 'failed', ended_at = created_at WHERE queue = 'slow'"
    in_database(measured, lambda session: session.execute(text(update)))

    found = read_metrics(measured)

    assert found["job_queue_readable"] == 1
    assert found['jobs{queue="default",state="pending"}'] == 2
    assert found['jobs{queue="slow",state="failed"}'] == 1
    assert found['jobs_oldest_due_seconds{queue="default"}'] == pytest.approx(600, abs=60)


def test_an_outage_of_the_database_leaves_the_other_metrics(
    own_database_url: str, start_app: Callable[..., TestClient]
) -> None:
    measured = start_app(metrics={"token": TOKEN}, project_name="Measured", database={"url": own_database_url})
    make_database_unavailable(measured)

    found = read_metrics(measured)

    assert found["job_queue_readable"] == 0
    assert 'jobs{queue="default",state="pending"}' not in found
    assert any("http_request" in series for series in found)


@pytest.mark.any_database
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_processes_of_a_server_return_their_sum(start_server: Callable[..., Server]) -> None:
    server = start_server(SERVER_WORKERS="2", METRICS_TOKEN=TOKEN)
    requests = 'http_request_duration_seconds_count{method="GET",route="/health/live",status="2xx"}'

    for _ in range(20):
        with httpx.Client(base_url=server.client.base_url) as client:  # a new connection, for either process
            client.get("/health/live")

    for _ in range(10):
        with httpx.Client(base_url=server.client.base_url) as client:
            assert read_metrics(client)[requests] == 20
    wait_until(lambda: read_metrics(server.client)["database_pool_size"] == 20)
    assert read_metrics(server.client)["process_resident_memory_bytes"] > 50_000_000

    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    workers = [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    for worker in workers:
        os.kill(int(worker), signal.SIGKILL)

    def are_replaced() -> bool:  # the gauges of the dead are void, what they counted stays
        with suppress(httpx.TransportError), httpx.Client(base_url=server.client.base_url) as client:
            found = read_metrics(client)
            return found["database_pool_size"] == 20 and found[requests] == 20
        return False

    assert len(workers) == 2
    wait_until(are_replaced)


@pytest.mark.any_database
def test_worker_serves_its_own_metrics(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    settings = {"DATABASE_URL": database_url, "METRICS_TOKEN": TOKEN, "METRICS_PORT": str(port)}
    process = start_process(tmp_path, "worker.log", "worker", **settings)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:

        def is_up() -> bool:
            with suppress(httpx.TransportError):
                return read_metrics(client)["job_queue_readable"] == 1
            return False

        wait_until(is_up)
        assert client.get("/metrics").status_code == 401
    process.terminate()

    assert process.wait(timeout=30) == 0, (tmp_path / "worker.log").read_text()


@pytest.mark.database("postgresql")
def test_jobs_are_counted_by_indexes(own_database_url: str, start_app: Callable[..., TestClient]) -> None:
    measured = start_app(metrics={"token": TOKEN}, project_name="Measured", database={"url": own_database_url})
    fill = """
        INSERT INTO jobs (id, name, queue, priority, due_at, attempts, state, label, ended_at, version, created_at,
                updated_at)
            SELECT gen_random_uuid(), 'tests.act', 'default', 0, now(), 1, 'succeeded', '', now(), 1, now(), now()
            FROM generate_series(1, 20000)
    """
    in_database(measured, lambda session: session.execute(text(fill)))
    in_database(measured, lambda session: session.execute(text("ANALYZE jobs")))

    with capture_statements(measured) as sent:
        assert read_metrics(measured)["job_queue_readable"] == 1
    counts = [(statement, values) for statement, values in sent if "count(" in statement]

    async def explain(session: AsyncSession) -> list[str]:
        connection = await session.connection()
        return [
            "\n".join((await connection.exec_driver_sql(f"EXPLAIN {statement}", values)).scalars())
            for statement, values in counts
        ]

    plans = in_database(measured, explain)
    assert len(plans) == 2
    for plan in plans:
        assert "Seq Scan" not in plan, plan
