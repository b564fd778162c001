"""Bursts of one request, sent by wrk."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.workloads import Workload

SCRIPT = Path(__file__).with_name("wrk.lua")
SERVER_CORE, CLIENT_CORE = 0, 1


class Results(NamedTuple):
    """Results of a burst."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    rejected: int = 0
    """Responses with status 400 and above."""
    broken: int = 0
    """Failed connections and timeouts."""


def find_wrk() -> str:
    """Return the path of wrk."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("There is no wrk: install it, with `apt install wrk` or `brew install wrk`.")
    return found


@contextmanager
def on_cores(*cores: int) -> Iterator[None]:
    """Pin child processes to these cores, as far as they exist."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before.intersection(cores) or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def send(address: str, workload: Workload, token: str, first: int) -> Results:
    """Send as many requests as possible; a numbered path gets the numbers from `first`.

    Fails unless all responses are successful, because errors are faster.
    """
    results = flood(address, workload, token, first)
    assert results.rejected == results.broken == 0, (address, workload, results)
    return results


def flood(address: str, workload: Workload, token: str, first: int) -> Results:
    """Send as many requests as possible; ignore errors."""
    path = workload.path.replace("{:012x}", "%012x")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    headers |= workload.headers
    body = json.dumps(workload.data) if workload.data else ""
    with on_cores(CLIENT_CORE):
        done = subprocess.run(
            [
                *(find_wrk(), "-t1", f"-c{workload.connections}", f"-d{workload.seconds}s"),
                *("--timeout", "30s", "-s", str(SCRIPT), address, "--"),
                *(workload.method, path, body, str(first if workload.is_numbered else 0)),
                *(f"{name}: {value}" for name, value in headers.items()),
            ],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=workload.seconds + 90,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    return Results(
        found["requests"],
        found["microseconds"] / 1_000_000,
        found["p50"] / 1_000,
        found["p99"] / 1_000,
        found["rejected"],
        found["broken"],
    )
