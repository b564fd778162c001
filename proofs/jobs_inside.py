"""Run by jobs.py with a project's packages: enqueue jobs, kill everything, and compare.

Reads a `Plan` as JSON from its argument; the last line of output is a `Found` as JSON.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from proofs.database import Server, until
from proofs.fleet import Process
from proofs.requester import Requester
from proofs.walks_check import Ledger

WORKERS = {True: 2, False: 1}
"""By whether the database is PostgreSQL."""
MAX_START_SECONDS = 300
MAX_END_SECONDS = 300


@dataclass(frozen=True)
class Plan:
    """What to do, as passed to `jobs_inside`."""

    url: str
    """Database of the app, with the driver."""
    server: str
    """PostgreSQL's URL of the user `test`; empty for SQLite."""
    port: int
    rounds: int
    folder: str
    """For the log."""


@dataclass
class Found:
    """What happened."""

    seconds: float = 0
    disturbances: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    jobs: int = 0
    repeated: int = 0
    """Jobs with more than one attempt."""
    longest_stop: float = 0
    """Seconds from SIGTERM to the end of a process."""
    faults: list[str] = field(default_factory=list)


class Proof:
    """All parts of a run."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.found = plan, Found()
        self.chance = random.Random(plan.rounds)  # noqa: S311 - the same for each run
        self.ledger = Ledger(plan.url)
        self.address = f"http://127.0.0.1:{plan.port}"
        self.requesters = [Requester(f"{n}", self.address) for n in range(3)]
        self.killers = 0
        self.postgres = Server(plan.server) if plan.server else None
        self.fleet: list[Process] = []

    async def run(self) -> Found:
        """Kill in each round; then wait for all jobs, and check."""
        started = time.monotonic()
        await self.ledger.create()
        if self.postgres:
            await self.postgres.learn_command()
        log = Path(self.plan.folder, "log")
        self.fleet = [Process("server", log, ["serve", "--port", str(self.plan.port)])]
        self.fleet += [
            Process(f"worker {n}", log, ["worker"]) for n in range(WORKERS[bool(self.postgres)])
        ]
        reviving = asyncio.create_task(self._revive())
        try:
            await self._disturb()
            await self._end()
        finally:
            reviving.cancel()
            for process in self.fleet:
                process.kill()
        self.found.seconds = round(time.monotonic() - started, 1)
        return self.found

    async def _revive(self) -> None:
        while True:
            for process in self.fleet:
                process.revive()
            await asyncio.sleep(0.05)

    async def _disturb(self) -> None:
        await self._wait_until_served()
        for requester in self.requesters:
            requester.start()
        ways: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("kill a worker", self._kill_worker),
            ("kill the server", self._kill_server),
            ("a job kills its worker", self._fall),
            ("deploy", self._deploy),
        ]
        if self.postgres:
            ways.append(("kill the database", self._kill_database))
        done: Counter[str] = Counter()
        for number in range(self.plan.rounds):
            await asyncio.sleep(self.chance.uniform(0.1, 1.5))
            name, act = ways[number % len(ways)]
            await act()
            done[name] += 1
            await self._wait_until_served()
        self.found.disturbances = dict(done)

    async def _kill_worker(self) -> None:
        self.chance.choice(self.fleet[1:]).kill()

    async def _kill_server(self) -> None:
        self.fleet[0].kill()

    async def _fall(self) -> None:
        self.killers += await asyncio.to_thread(self.requesters[0].fall)

    async def _deploy(self) -> None:
        stops = (asyncio.to_thread(process.stop) for process in self.fleet)
        for end in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(end, float):
                self.found.longest_stop = max(self.found.longest_stop, round(end, 1))
            else:
                self.found.faults.append(f"deploy: {end!r}")

    async def _kill_database(self) -> None:
        assert self.postgres
        await self.postgres.kill()
        await self.postgres.start()
        await until(self.postgres.connections, 20)

    async def _wait_until_served(self) -> None:
        async def is_served() -> bool:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.plan.port)
            except OSError:
                return False
            writer.write(b"GET /health/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            answer = await reader.readline()
            writer.close()
            return b" 200 " in answer

        assert await until(is_served, MAX_START_SECONDS), "the server does not start"

    async def _end(self) -> None:
        """Stop the requests, wait for the jobs, and check."""
        for requester in self.requesters:
            requester.stop()
        for requester in self.requesters:
            await asyncio.to_thread(requester.join)

        async def has_ended() -> bool:
            return await self.ledger.unfinished() == 0

        found, requesters = self.found, self.requesters
        if not await until(has_ended, MAX_END_SECONDS):
            found.faults.append(f"{await self.ledger.unfinished()} jobs have not ended")
        accepted = [label for one in requesters for label in one.accepted]
        rejected = [label for one in requesters for label in one.rejected]
        found.requests = {
            "confirmed": len(accepted),
            "rolled back": len(rejected),
            "unknown": sum(len(one.unknown) for one in requesters),
        }
        found.faults += [fault for one in requesters for fault in one.faults]
        found.faults += await self.ledger.faults(accepted, rejected, self.killers)
        jobs, again = (
            await self.ledger.rows(
                "SELECT count(*), sum(CASE WHEN attempts > 1 THEN 1 ELSE 0 END) FROM jobs"
                " WHERE name LIKE 'walks.%'"
            )
        )[0]
        found.jobs, found.repeated = jobs, again or 0


def main() -> None:
    """Run the plan and print what was found."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    plan = Plan(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(asyncio.run(Proof(plan).run()))))


if __name__ == "__main__":
    os.environ["DATABASE_URL"] = Plan(**json.loads(sys.argv[1])).url
    main()
