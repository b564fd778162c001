"""How many jobs wait, run and have failed. It is in the database, so the same for all processes."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, literal, select

from app.database.base import utc_now
from app.database.connection import Database
from app.database.outages import OUTAGES, log_outage
from app.jobs.models import Job, JobState

logger = logging.getLogger(__name__)

CACHE_SECONDS = 10
TIMEOUT_SECONDS = 2

# Each reads an index: those of the jobs that haven't ended, and of the state.
_LIVE = (
    select(Job.queue, Job.state, func.count().label("number"), func.min(Job.due_at).label("oldest"))
    .where(Job.ended_at.is_(None))
    .group_by(Job.queue, Job.state)
)
_FAILED = (
    select(Job.queue, Job.state, func.count().label("number"), literal(None).label("oldest"))
    .where(Job.state == JobState.FAILED)
    .group_by(Job.queue, Job.state)
)


class _JobQueue(Collector):
    def __init__(self, rows: Sequence[Any] | None) -> None:
        self._rows = rows

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; without rows, only that they couldn't be read."""
        readable = self._rows is not None
        yield GaugeMetricFamily("job_queue_readable", "Whether the jobs could be read from the database.", readable)
        if self._rows is None:
            return
        count = GaugeMetricFamily("jobs", "Jobs by state: pending, running, failed.", labels=["queue", "state"])
        oldest = GaugeMetricFamily("jobs_oldest_due_seconds", "How long the oldest job is overdue.", labels=["queue"])
        now = utc_now()
        for queue, state, number, due_at in self._rows:
            count.add_metric([queue, state], number)
            if state == JobState.PENDING:
                oldest.add_metric([queue], max(0, (now - due_at).total_seconds()))
        yield count
        yield oldest


async def encode_job_queue(database: Database) -> bytes:
    """Return the metrics of the jobs in Prometheus' text format, at most `CACHE_SECONDS` old."""
    read_at, encoded = database.services.get(__name__, (0.0, b""))
    if not encoded or time.monotonic() - read_at > CACHE_SECONDS:
        registry = CollectorRegistry()
        registry.register(_JobQueue(await _read(database)))
        encoded = generate_latest(registry)
        database.services[__name__] = time.monotonic(), encoded
    return bytes(encoded)


async def _read(database: Database) -> Sequence[Any] | None:
    """Return the number of jobs and the oldest, by queue and state; None if the database doesn't respond in time."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return [*await database.execute(_LIVE), *await database.execute(_FAILED)]
    except TimeoutError as error:
        log_outage(error)
    except OUTAGES as error:
        log_outage(error)
    except Exception:
        logger.exception("the jobs can't be counted")
    return None
