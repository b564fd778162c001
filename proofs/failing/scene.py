"""A stack with clients, in which failures are caused."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from proofs.client import Broken, Client, Request
from proofs.database import Server, until
from proofs.failing.checks import MAX_SECONDS, check_log, check_statuses, check_work
from proofs.failing.clients import Crowd, count_statuses
from proofs.failing.disks import Disk
from proofs.failing.failure import Failure, Outcome, Stack
from proofs.failing.helpers import Helper
from proofs.failing.inbox import Inbox
from proofs.fleet import Process
from proofs.walks_check import Ledger

REGULARS = frozenset({"Ada writes", "Ada reads", "Bob writes", "Bob reads", "signup", "walker"})
"""Names in the requests of clients that are always active."""


@dataclass(frozen=True)
class Plan:
    """What all scenes share, as passed to `failures_inside`."""

    folder: str
    model: str
    """Folder with a copy of SQLite's database after migrations."""
    server: str
    """PostgreSQL's URL of the user `test`."""
    project: str
    slugs: Sequence[str] = ()
    """Of the failures to cause; empty for all."""
    moto_python: str = ""
    """Python of an environment with moto."""
    sabotage: str = ""


@dataclass
class Scene:
    """What runs, and what clients saw."""

    plan: Plan
    stack: Stack
    folder: Path
    url: str
    """Of the database, as the app connects to it."""
    direct: str
    """Of the database, around what is between."""
    postgres: Server
    disks: dict[str, Disk]
    inbox: Inbox
    helpers: dict[str, Helper]
    crowd: Crowd
    ledger: Ledger
    variables: dict[str, str]
    fleet: list[Process] = field(default_factory=list)
    cleanups: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What to do when the scene is closed."""
    faults: list[str] = field(default_factory=list)
    ended: float = 0
    """When the cause ended, if that was before `act` returned."""

    @property
    def server(self) -> Process:
        """Return the web server."""
        return self.fleet[0]

    @property
    def log(self) -> Path:
        """Return the log of all processes."""
        return self.disks["log"].folder / "log"

    def fault(self, text: str) -> None:
        """Note a fault."""
        self.faults.append(text)

    def expect(self, condition: object, text: str) -> None:
        """Note a fault unless the condition holds."""
        if not condition:
            self.fault(text)

    async def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition holds; note a fault if it doesn't."""

        async def check() -> bool:
            return bool(condition())

        if not await until(check, MAX_SECONDS):
            self.fault(f"waited in vain for: {what}")

    @property
    def owner_url(self) -> str:
        """Return the URL with which the tables can be changed."""
        return self.direct.replace("//app@", "//test@")

    def own_server(self) -> Server:
        """Return access to the database of this scene, as the owner of its tables."""
        return Server(self.owner_url.replace("+asyncpg", ""))

    def start(self) -> None:
        """Start the processes of the project."""
        port = str(self.crowd.port)
        serve = ["serve", "--port", port, "--workers", "2"]
        commands = [("server", serve, self.stack.before)]
        if self.stack.has_worker:
            commands.append(("worker", ["worker"], ()))
        self.fleet = [
            Process(name, self.log, command, *before, variables=self.variables)
            for name, command, before in commands
        ]

    async def restart(self, **variables: str) -> None:
        """Stop the processes, which are started again with changed settings."""
        for process in self.fleet:
            starts = process.starts
            process.variables |= variables
            await asyncio.to_thread(process.stop)
            await self.wait_for(lambda: process.starts > starts, "a new process")  # noqa: B023
        await self.wait_until_ready()

    async def run_app(self, *arguments: str, folder: Path | None = None) -> tuple[int, str]:
        """Run a command of the project as the owner of the tables; return exit code and output."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-B", "-m", "app", *arguments),
            cwd=folder or self.plan.project,
            env={**self.variables, "DATABASE_URL": self.owner_url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode(errors="replace")

    async def wait_until_ready(self) -> None:
        """Wait until the server is ready."""
        if not await until(self.is_ready, MAX_SECONDS):
            self.fault(f"the server is not ready: {self.log.read_text()[-2000:]}")

    async def is_ready(self) -> bool:
        """Return whether the server is ready."""
        return (await self.readiness()).startswith("200")

    async def readiness(self) -> str:
        """Return status and body of the readiness probe."""
        with suppress(Broken, OSError):
            found = await Client(self.crowd.port).send(Request("GET", "/health/ready"))
            return f"{found.status} {found.text}"
        return "none"

    def children(self) -> list[int]:
        """Return the server's worker processes."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.server.pid and b"spawn_main" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found

    async def saw(self, status: str, *, times: int = 1) -> None:
        """Wait until clients saw a status so often, from now on."""
        now = time.monotonic()

        def is_seen() -> bool:
            return sum(one.status == status for one in self.crowd.since(now)) >= times

        await self.wait_for(is_seen, f"{times} times {status}")

    async def wait_for_success(self) -> None:
        """Wait until each client is served, by a request from now on."""
        now = time.monotonic()

        def missing() -> list[str]:
            return sorted(REGULARS - self.crowd.served_since(now).keys())

        await self.wait_for(lambda: not missing(), f"success of {missing()}")

    async def wait_for_rows(self, sql: str) -> None:
        """Wait until a query has rows."""

        async def has_rows() -> bool:
            return bool(await self.ledger.rows(sql))

        if not await until(has_rows, MAX_SECONDS):
            self.fault(f"waited in vain for: {sql}")

    async def wait_for_port(self, port: int) -> None:
        """Wait until another server is ready."""

        async def is_ready() -> bool:
            with suppress(Broken, OSError):
                return (await Client(port).send(Request("GET", "/health/ready"))).status == 200
            return False

        if not await until(is_ready, MAX_SECONDS):
            self.fault(f"no server on port {port}: {self.log.read_text()[-2000:]}")

    async def wait_for_work(self) -> None:
        """Wait until an email is on its way and a job runs; replies to emails are held back."""
        self.inbox.is_paused = True
        await self.wait_for(lambda: self.inbox.pending, "an email on its way")
        await self.wait_for_rows(
            "SELECT id FROM jobs WHERE state = 'running' AND name = 'walks.walk'"
        )

    async def run(self, failure: Failure) -> Outcome:
        """Cause a failure among active clients, and compare."""
        self.faults, self.ended = [], 0
        self.crowd.seen.clear()
        started, logged = time.monotonic(), self.log.stat().st_size if self.log.exists() else 0
        starts = [process.starts for process in self.fleet]
        stop = asyncio.Event()
        acting = self._act(stop) if failure.has_clients else []
        reviving = asyncio.create_task(self._revive())
        begun = end = time.monotonic()
        try:
            if failure.has_clients:
                await self.wait_for_success()
                begun = time.monotonic()
            await failure.act(self)
            end = self.ended or time.monotonic()
            if failure.has_clients:
                await self.wait_for_success()
                await self.wait_until_ready()
        finally:
            self.inbox.is_paused = False
            stop.set()
            await asyncio.gather(*acting)
            reviving.cancel()
        seen = self.crowd.since(begun)
        served = self.crowd.served_since(end).values()
        if failure.has_clients:
            await check_work(self)
            check_statuses(self, failure, begun)
        if not failure.restarts and starts != [process.starts for process in self.fleet]:
            self.fault("a process ended")
        check_log(self, failure, logged)
        return Outcome(
            name=failure.name,
            slug=failure.slug,
            cause=failure.cause,
            remedy=failure.remedy,
            statuses=count_statuses(seen),
            longest=round(max((one.seconds for one in seen), default=0), 1),
            recovery=round(max((one - end for one in served), default=0), 1),
            seconds=round(time.monotonic() - started, 1),
            faults=self.faults,
        )

    def _act(self, stop: asyncio.Event) -> list[asyncio.Task[None]]:
        crowd = self.crowd
        actions: list[Callable[[str, asyncio.Event], Awaitable[None]]]
        actions = [crowd.write_notes, crowd.write_notes, crowd.sign_up, crowd.walk]
        names = ("Ada", "Bob", "signup", "walker")
        return [
            asyncio.ensure_future(action(name, stop))
            for name, action in zip(names, actions, strict=True)
        ]

    async def _revive(self) -> None:
        """Start processes again that ended, as systemd and Docker do."""
        while True:
            for process in self.fleet:
                process.revive()
            await asyncio.sleep(0.05)
