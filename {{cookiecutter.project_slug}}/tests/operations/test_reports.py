"""Traces and error reports: what a collector and Sentry get from a server, and that it contains no secrets."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from tests.operations.collector import Collector, running_collector
from tests.server import Server
from tests.support import wait_until

TRACES, ERRORS = "/v1/traces", "/api/1/envelope/"
TOKEN = "an-emailed-token-that-must-not-be-reported!"
BODY = {"email": "ada@example.com", "password": "a password that must not be reported"}
HEADERS = {"Authorization": "Bearer an-access-token", "Cookie": "session=a-cookie", "X-Request-ID": "the-request"}
PRIVATE = [TOKEN, *BODY.values(), "an-access-token", "a-cookie", "a-code"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture
def server(start_server: Callable[..., Server], collector: Collector) -> Server:
    """Return a server that sends reports, spans only at the end, and runs jobs."""
    return start_server(
        module="tests.operations.failing_server",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector.address}",
        OTEL_BSP_SCHEDULE_DELAY="600000",
        SENTRY_DSN=f"http://key@{collector.address}/1",
        JOBS_IN_SERVER="true",
    )


def test_bugs_of_routes_and_jobs_are_reported_without_secrets(server: Server, collector: Collector) -> None:
    failed = server.client.post(f"/api/v1/failing/{TOKEN}?code=a-code", json=BODY, headers=HEADERS)
    enqueued = server.client.post("/api/v1/failing/jobs", json=BODY)
    missing = server.client.get(f"/api/v1/users/{UUID(int=0)}", headers=HEADERS)
    assert (failed.status_code, enqueued.status_code, missing.status_code) == (500, 200, 404)

    wait_until(lambda: "the bug of a job" in collector.sent_to(ERRORS))
    server.process.terminate()
    server.process.wait()

    errors, traces = collector.sent_to(ERRORS), collector.sent_to(TRACES)
    for found in ("the bug of a route", "/api/v1/failing/{token}", "the-request", "the bug of a job, for \\u2026 in"):
        assert found in errors
    assert errors.count('"exception"') == 2
    statement = "SELECT 1 WHERE ? = 'nothing'" if "sqlite" in traces else "SELECT 1 WHERE $1 = 'nothing'"
    for found in ("POST /api/v1/failing/{token}", "/api/v1/failing/*", "REDACTED", statement, "job failing.explode"):
        assert found in traces
    for secret in PRIVATE:
        assert secret not in errors
        assert secret not in traces
    assert {path for path, _ in collector.received} == {TRACES, ERRORS}
