"""Run by jobs.py with a project's packages: cut one of three workers off while it runs jobs.

Reads a `Plan` as JSON from its argument; the last line of output is a `Found` as JSON.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app import features
from app.database.connection import open_database
from app.settings.config import load_settings
from sqlalchemy import text

from proofs.database import Server, until
from proofs.fleet import Process
from proofs.networks import HERE, ROUTE, Network, network
from proofs.walks_check import Ledger

JOBS, STEPS, SECONDS = 24, 10, 0.3
WALK = text("INSERT INTO walks (label) VALUES (:label)")
CUT = 1
"""Which worker is cut off."""
MAX_TAKEOVER_SECONDS, MAX_END_SECONDS = 60, 120


@dataclass(frozen=True)
class Plan:
    """What to do, as passed to `cut_off_inside`."""

    url: str
    server: str
    folder: str


@dataclass
class Found:
    """What happened."""

    seconds: float = 0
    jobs_of_the_worker: int = 0
    """That it ran when it was cut off."""
    taken_over_after: float = 0
    """Seconds until others had all of them."""
    faults: list[str] = field(default_factory=list)


class Proof:
    """All parts of a run."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.found = plan, Found()
        self.postgres = Server(plan.server)
        self.ledger = Ledger(plan.url)
        self.log = Path(plan.folder, "log")

    async def run(self) -> Found:
        """Cut off, wait, mend, and check."""
        started = time.monotonic()
        await self._admit()
        await self.ledger.create()
        workers: list[Process] = []
        with network(3) as wires:
            try:
                self._start(wires, workers)
                await self._cut_off(wires, workers)
            finally:
                for worker in workers:
                    worker.kill()
        self.found.seconds = round(time.monotonic() - started, 1)
        return self.found

    async def _admit(self) -> None:
        """Let PostgreSQL listen to the network."""
        await self.postgres.learn_command()
        path = Path((await self.postgres.run("SHOW hba_file"))[0][0])
        await asyncio.to_thread(_append, path, f"host all all {ROUTE} trust\n")
        await self.postgres.stop("fast")
        await self.postgres.start("-c", "listen_addresses=*")

    def _start(self, wires: Network, workers: list[Process]) -> None:
        url = self.plan.url.replace("127.0.0.1", HERE)
        for number in range(3):
            log = self.log.with_name(f"log-{number}")
            command = [*wires.inside(number), "env", f"DATABASE_URL={url}"]
            workers.append(Process(f"worker {number}", log, ["worker"], *command))

    async def _cut_off(self, wires: Network, workers: Sequence[Process]) -> None:
        pid = workers[CUT].pid
        labels = await self._enqueue(JOBS)
        if not await until(lambda: self._has(pid), MAX_END_SECONDS):
            raise RuntimeError("the worker runs no jobs")
        await asyncio.sleep(2 * SECONDS)
        wires.cut(CUT)
        cut_at = time.monotonic()
        held = await self._held(pid)
        self.found.jobs_of_the_worker = len(held)
        if not await until(lambda: self._lost(pid), MAX_TAKEOVER_SECONDS):
            states = await self._states()
            self.found.faults.append(f"jobs of the worker that was cut off don't go on: {states}")
        self.found.taken_over_after = round(time.monotonic() - cut_at, 1)
        if not await until(self._ended, MAX_END_SECONDS):
            self.found.faults.append(f"not all have ended: {await self._states()}")
        wires.mend(CUT)
        await self._check_it_works_again(workers)
        self.found.faults += await self.ledger.faults(labels, [], 0, STEPS)

    async def _check_it_works_again(self, workers: Sequence[Process]) -> None:
        """Check that the worker that was cut off, now the only one, runs new jobs."""
        for number, worker in enumerate(workers):
            if number != CUT:
                worker.stop()
        await self._enqueue(1)
        if not await until(self._ended, MAX_END_SECONDS):
            self.found.faults.append("after the cut, the worker runs no jobs")

    async def _enqueue(self, number: int) -> list[str]:
        features.load_jobs()
        from app.features.walks.jobs import leap, walk  # noqa: PLC0415

        labels = [f"{time.monotonic()}-{n}" for n in range(number)]
        async with (
            open_database(load_settings().database) as database,
            database.sessions.begin() as session,
        ):
            for label in labels:
                await session.execute(WALK, {"label": label})
                await walk.set(label=label).enqueue(session, label, STEPS, SECONDS)
                await leap.set(label=label).enqueue(session, label)
        return labels

    async def _held(self, pid: int) -> set[str]:
        running = await self.ledger.rows(
            "SELECT label, worker FROM jobs WHERE state = 'running' AND name = 'walks.walk'"
        )
        return {row.label for row in running if row.worker.endswith(f":{pid}")}

    async def _has(self, pid: int) -> bool:
        return bool(await self._held(pid))

    async def _lost(self, pid: int) -> bool:
        return not await self._held(pid)

    async def _ended(self) -> bool:
        return await self.ledger.unfinished() == 0

    async def _states(self) -> str:
        rows = await self.ledger.rows(
            "SELECT state, worker, count(*) FROM jobs WHERE ended_at IS NULL GROUP BY 1, 2"
        )
        return str([tuple(row) for row in rows])


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line)


def main() -> None:
    """Run the plan and print what was found."""
    plan = Plan(**json.loads(sys.argv[1]))
    assert urlsplit(plan.url).hostname == "127.0.0.1"
    print(json.dumps(asdict(asyncio.run(Proof(plan).run()))))


if __name__ == "__main__":
    os.environ["DATABASE_URL"] = Plan(**json.loads(sys.argv[1])).url
    main()
