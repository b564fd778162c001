"""Run by load.py with a project's packages: create users, act as them, disturb, and compare.

Reads a `Plan` as JSON from its argument; the last line of output is a `Found` as JSON.
"""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.accounts import users
from app.accounts.credentials.authenticator import build_authenticator
from app.database.connection import open_database
from app.settings.config import load_settings

from proofs.caller import Caller
from proofs.couples import sleep_together
from proofs.database import Memory, Server, Watch, until
from proofs.disturbances import Disturber, Migrations, disturb
from proofs.journal import Fault, Journal, Unknown
from proofs.person import Person
from proofs.plan import Found, Plan
from proofs.race import Race

PASSWORD = "of the people in this proof"  # noqa: S105
RACERS = 3
WARM_UP_SHARE = 0.25
"""Share of the memory samples before the first that is compared."""
MAX_GROWTH_MIB = 25
MAX_PAUSE = 3
"""Seconds between two disturbances."""


class Proof:
    """All parts of a run."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.journal = plan, Journal()
        emails = ["admin@example.com", *(f"user{n}@example.com" for n in range(plan.people - 1))]
        self.people = [Person(plan.port, self.journal, email, PASSWORD) for email in emails]
        racers = [Caller(plan.port, self.journal, random.Random(n)) for n in range(RACERS)]  # noqa: S311
        self.race = Race(racers, self.journal)
        self.memory = Memory(plan.pid)
        self.watch: Watch | None = None

    async def run(self) -> Found:
        """Act until the time is up; then compare everything once more."""
        await create_users([person.email for person in self.people])
        await asyncio.gather(*(person.sign_in() for person in self.people))
        for racer in self.race.callers:
            racer.token = self.people[-1].caller.token  # its owner takes no part but as a racer
        await self.race.prepare()
        files = [self.memory.open_files()]
        await self._act()
        try:
            await self._check_end()
        except (Fault, Unknown) as error:
            self.journal.fault(f"at the end: {error!r}")
        files.append(self.memory.open_files())
        return self._found(files)

    async def _check_end(self) -> None:
        """Check what must be as it was before."""
        await self.race.finish()
        await self.people[0].caller.get("/health/ready")
        self._check_memory()
        if self.plan.server:
            await self._check_pool()

    async def _act(self) -> None:
        """Let all act at the same time, and disturb them."""
        stop = asyncio.Event()
        background = [asyncio.create_task(self.memory.run(max(0.2, self.plan.seconds / 400)))]
        acting = [asyncio.create_task(person.live(stop)) for person in self.people[:-1]]
        acting += [asyncio.create_task(self.race.run(one, stop)) for one in self.race.callers]
        try:
            await self._disturb(background)
        finally:
            stop.set()
            await asyncio.gather(*acting)
            for task in background:
                task.cancel()
            for error in await asyncio.gather(*background, return_exceptions=True):
                if not isinstance(error, asyncio.CancelledError):
                    self.journal.fault(f"the proof itself failed: {error!r}")

    async def _disturb(self, background: list[asyncio.Task[None]]) -> None:
        plan, pause = self.plan, min(MAX_PAUSE, self.plan.seconds / 50)
        migrations = Migrations(Path(plan.next_version), plan.url)
        if not plan.server:
            chosen = [("add a column", False, migrations.add_column)]
            await disturb(self.journal, chosen, plan.seconds, plan.seconds / 4)
            return
        server = Server(plan.server)
        await server.learn_command()
        self.watch = Watch(Server(plan.server), plan.pool_size + 1)  # one is of live updates
        background.append(asyncio.create_task(self.watch.run()))
        sleepers = await self._sleepers()
        disturber = Disturber(server, self.watch, self.journal, sleepers)
        await disturb(self.journal, disturber.all(migrations), plan.seconds, pause)

    async def _sleepers(self) -> list[Caller]:
        """Return a client for each connection of the pool."""
        callers = []
        for number in range(self.plan.pool_size):
            caller = Caller(self.plan.port, self.journal, random.Random(number))  # noqa: S311
            caller.token = self.people[-1].caller.token
            callers.append(caller)
        return callers

    async def _check_pool(self) -> None:
        """All connections can be used at once, and none is in a transaction."""
        server = Server(self.plan.server)

        async def is_idle() -> bool:
            return all(row["state"] == "idle" for row in await server.connections())

        if not await until(is_idle, 5):
            left = [dict(row) for row in await server.connections()]
            self.journal.fault(f"connections are not idle at the end: {left}")
        for method in ("GET", "POST"):
            asked = asyncio.create_task(sleep_together(await self._sleepers(), method, 1.5))
            most = 0
            while not asked.done():
                rows = await server.connections()
                most = max(
                    most, sum("pg_sleep" in r["query"] and r["state"] == "active" for r in rows)
                )
                await asyncio.sleep(0.05)
            try:
                await asked
            except (Fault, Unknown) as error:
                self.journal.fault(f"pool at the end, {method}: {error!r}")
            if most != self.plan.pool_size:
                self.journal.fault(f"only {most} connections can be used at once for {method}")

    def _check_memory(self) -> None:
        samples = self.memory.samples
        before = samples[int(len(samples) * WARM_UP_SHARE)]
        if samples[-1] > before + MAX_GROWTH_MIB:
            self.journal.fault(f"memory grew from {before:.0f} to {samples[-1]:.0f} MiB")

    def _found(self, files: list[int]) -> Found:
        journal, watch = self.journal, self.watch
        samples = self.memory.samples
        quarters = [samples[int(len(samples) * n / 4)] for n in range(4)] + samples[-1:]
        connections = {}
        if watch:
            journal.faults += watch.faults
            connections = {"samples": watch.samples, "most": watch.most, "over": watch.over}
            connections["longest over"] = watch.longest_over
        return Found(
            seconds=round(self.plan.seconds, 1),
            statuses=dict(sorted(journal.statuses.items())),
            actions=dict(sorted(journal.actions.items())),
            cut=journal.cut,
            races=[len(self.race.won), self.race.lost, self.race.unknown],
            disturbances=dict(Counter(one.name for one in journal.disturbances)),
            connections=connections,
            memory_mib=[round(one, 1) for one in quarters],
            open_files=files,
            faults=journal.faults,
        )


async def create_users(emails: list[str]) -> None:
    """Create the users; the first is an admin."""
    settings = load_settings()
    async with open_database(settings.database) as database:
        authenticator = build_authenticator(settings, database)
        for email in emails:
            async with database.sessions.begin() as session:
                user = await users.create_user(
                    session, authenticator, email=email, password=PASSWORD
                )
                if email == emails[0]:
                    await users.grant_admin(session, user)


def main() -> None:
    """Run the plan and print what was found."""
    plan: Any = json.loads(sys.argv[1])
    found = asyncio.run(Proof(Plan(**plan)).run())
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    os.environ.pop("PROOF_SABOTAGE", None)
    main()
