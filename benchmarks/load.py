"""Bursts of one request, made by wrk."""

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


class Answers(NamedTuple):
    """What came back in a burst."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int = 0
    """Answers of 400 and more."""
    broken: int = 0
    """Connections that failed, and answers that did not come in time."""


def find_wrk() -> str:
    """Return the program that makes the load."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("There is no wrk: install it, with `apt install wrk` or `brew install wrk`.")
    return found


@contextmanager
def on_cores(*cores: int) -> Iterator[None]:
    """Let what is started here run on these cores only, as far as there are such."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before.intersection(cores) or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def send(address: str, workload: Workload, token: str, first: int) -> Answers:
    """Send the request as often as it goes, where the path wants it with the numbers from `first`.

    Stops the run when anything but success comes back: a refusal is quick, and no figure.
    """
    answers = flood(address, workload, token, first)
    assert answers.refused == answers.broken == 0, (address, workload, answers)
    return answers


def flood(address: str, workload: Workload, token: str, first: int) -> Answers:
    """Send the request as often as it goes, whatever comes back."""
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
        )
    found = json.loads(done.stdout.splitlines()[-1])
    return Answers(
        found["requests"],
        found["microseconds"] / 1_000_000,
        found["p50"] / 1_000,
        found["p99"] / 1_000,
        found["refused"],
        found["broken"],
    )
