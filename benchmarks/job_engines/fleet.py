"""Worker processes, and waiting for what they write."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from benchmarks.job_engines.engine import Engine
from benchmarks.job_engines.jobs import Event


class Fleet:
    """The workers of a trial."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """Start a worker."""
        options = {**asdict(self.engine.options), "folder": str(self.engine.options.folder)}
        command = [sys.executable, "-B", "-m", "benchmarks.job_engines.worker"]
        with (self.engine.options.folder / "log").open("ab") as log:
            worker = subprocess.Popen(
                [*command, self.engine.name, json.dumps(options)], stdout=log, stderr=log
            )
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        """Kill all workers."""
        for worker in self.workers:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
        self.workers.clear()

    def events(self, what: str = "") -> list[Event]:
        """Return what was written, other than dots."""
        return [
            event
            for event in self.engine.journal.read()
            if (event.what == what if what else event.what != ".")
        ]

    async def enqueue(self, name: str, *arguments: object, times: int = 1) -> float:
        """Enqueue in one transaction; return when its commit began, or sending if there is none."""
        sent = time.time()
        async with self.engine.sessions.begin() as session:
            for _ in range(times):
                await self.engine.enqueue(session, name, *arguments)
            if self.engine.is_transactional:
                sent = time.time()
        return sent

    def signal(self, how: signal.Signals) -> None:
        """Send a signal to all workers."""
        for worker in self.workers:
            os.kill(worker.pid, how)

    async def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition; return whether it came true in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            await asyncio.sleep(0.002)
        return False


@contextmanager
def fleet(engine: Engine) -> Iterator[Fleet]:
    """Yield a fleet, and kill its workers at the end."""
    found = Fleet(engine)
    try:
        yield found
    finally:
        found.stop()
