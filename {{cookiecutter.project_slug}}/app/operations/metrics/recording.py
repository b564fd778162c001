"""Records requests, jobs and events of accounts as they end. It is registered once per process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPMethod
from typing import Any

from prometheus_client import Histogram
from sqlalchemy import event
from starlette.types import Scope

from app.accounts.models import AuthEvent
from app.api import request_log
from app.jobs import attempt
from app.jobs.attempt import Attempt
from app.operations.metrics.instruments import ACCOUNT_EVENTS, JOBS, REQUESTS

_METHODS = frozenset(HTTPMethod)
NO_ROUTE = "(none)"


@cache
def start_recording() -> None:
    """Record what this process does from now on."""
    request_log.observers.append(_record_request)
    attempt.observers.append(_record_attempt)
    event.listen(AuthEvent, "after_insert", _record_event)


def _record_request(scope: Scope, method: str, status: int, seconds: float) -> None:
    if scope["type"] != "http" or scope["state"].get("is_stream"):
        return
    # Labels are bounded: addresses without a route and unknown methods have one each.
    route = request_log.route_template(scope) or NO_ROUTE
    _requests(method if method in _METHODS else "OTHER", route, status // 100).observe(seconds)


@cache
def _requests(method: str, route: str, status: int) -> Histogram:
    """Return the series; looking it up in Prometheus' client takes as long as counting."""
    return REQUESTS.labels(method, route, f"{status}xx")


@contextmanager
def _record_attempt(running: Attempt) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        JOBS.labels(running.job.name, running.outcome).observe(time.perf_counter() - started)


def _record_event(mapper: object, connection: object, row: Any) -> None:  # noqa: ANN401, ARG001 - an AuthEvent
    ACCOUNT_EVENTS.labels(row.name).inc()
