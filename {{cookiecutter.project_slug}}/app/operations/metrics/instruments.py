"""The metrics that this process counts. With several worker processes, they share files: see `sharing.py`."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

_Mode = Literal["livesum", "livemax", "livemin"]


def _gauge(name: str, description: str, mode: _Mode = "livesum") -> Gauge:
    """Create a gauge; `mode` is what the processes of a server add up to."""
    return Gauge(name, description, registry=REGISTRY, multiprocess_mode=mode)


REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Requests by method, route and class of status, with their duration; without event streams and WebSockets.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
LIVE_CONNECTIONS = _gauge("live_connections", "Open WebSockets and event streams.")
JOBS = Histogram(
    "job_duration_seconds",
    "Attempts of jobs by name and outcome (succeeded, failed, retried, interrupted, lost), with their duration.",
    ["job", "outcome"],
    buckets=(0.01, 0.1, 1, 10, 60, 600, 3600),
    registry=REGISTRY,
)
ACCOUNT_EVENTS = Counter(
    "account_events", "Events of accounts, such as sign-ins (authn_login_success).", ["event"], registry=REGISTRY
)
POOL_SIZE = _gauge("database_pool_size", "Database connections that the processes may open (DATABASE_POOL_SIZE).")
POOL_IN_USE = _gauge("database_pool_in_use", "Database connections in use.")
POOL_WAITS = Counter("database_pool_waits", "Times that a statement waited for a connection.", registry=REGISTRY)
MEMORY = _gauge("process_resident_memory_bytes", "Resident memory of all processes.")
OPEN_FILES = _gauge("process_open_fds", "Open file descriptors of the process that has most.", "livemax")
MAX_FILES = _gauge("process_max_fds", "How many file descriptors a process may open.", "livemin")
STARTED = _gauge("process_start_time_seconds", "Unix timestamp of the last start of a process.", "livemax")
