"""The proof's own access to PostgreSQL: what the app's connections do, and disturbing them."""

import asyncio
import os
import shlex
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg

APP_ROLE = "app"
"""Role of the app's connections, so that they can be told from those of migrations."""
_CONNECTIONS = """
SELECT pid, coalesce(state, 'starting') AS state, query,
    extract(epoch FROM clock_timestamp() - state_change)::float AS seconds
FROM pg_stat_activity WHERE usename = $1 AND backend_type = 'client backend'
"""


UNREACHABLE = (
    *(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError),
    asyncpg.InternalClientError,
)
"""What asyncpg raises while a server is stopped or restarted."""


class Server:
    """A PostgreSQL server on this machine that belongs to the proof."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self.folder = Path()
        self._command: list[str] = []

    async def learn_command(self) -> None:
        """Learn how the server was started."""
        self.folder = Path((await self.run("SHOW data_directory"))[0][0])
        self._command = shlex.split((self.folder / "postmaster.opts").read_text())

    async def run(self, statement: str, *values: object) -> Sequence[Any]:
        """Run a statement and return its rows; reconnect if needed.

        Raises:
            UNREACHABLE: one of them.
        """
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._url, timeout=5)
            rows: Sequence[Any] = await self._connection.fetch(statement, *values, timeout=10)
        except UNREACHABLE:
            self._connection, connection = None, self._connection
            if connection is not None:
                connection.terminate()
            raise
        return rows

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def connections(self) -> Sequence[Any]:
        """Return the app's connections."""
        return await self.run(_CONNECTIONS, APP_ROLE)

    def give(self, folder: Path) -> None:
        """Give a folder to the user of the server."""
        owner = self.folder.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)

    async def stop(self, mode: str) -> None:
        """Stop the server: `fast` rolls back and closes, `immediate` is a crash."""
        await self._control("-m", mode, "stop")

    async def kill(self) -> None:
        """Kill the main process; the others end as soon as they notice."""
        pid = int((self.folder / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        for _ in range(500):
            if not any(self.processes()):
                break
            await asyncio.sleep(0.02)
        (self.folder / "postmaster.pid").unlink()

    def processes(self) -> Iterator[Path]:
        """Yield the processes of this server, which work in its folder."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "cwd").readlink() == self.folder:
                    yield process

    async def start(self, *more: str) -> None:
        """Start it as it was started first, with more options if given."""
        log = str(self.folder.parent / "log")
        options = shlex.join([*self._command[1:], *more])
        await self._control("-l", log, "-o", options, "start")

    async def _control(self, *arguments: str) -> None:
        """Run `pg_ctl` for the server."""
        await self.run_program("pg_ctl", "-D", str(self.folder), "-w", "-s", *arguments)

    async def run_program(self, name: str, *arguments: str) -> None:
        """Run a program of PostgreSQL as the user of the server.

        Raises:
            RuntimeError: it failed.
        """
        owner = self.folder.stat()
        process = await asyncio.create_subprocess_exec(
            *(str(Path(self._command[0]).with_name(name)), *arguments),
            user=owner.st_uid,
            cwd="/",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        if await process.wait():
            raise RuntimeError(f"{name} {arguments} failed: see {self.folder.parent}/log")


class Watch:
    """Samples of the app's connections, ten times a second."""

    INTERVAL = 0.1
    PATIENCE = 3
    """Consecutive samples with too many connections: closing ones are listed for a moment."""
    MAX_IDLE_IN_TRANSACTION = 5

    def __init__(self, server: Server, limit: int) -> None:
        self.server, self.limit = server, limit
        self.samples = self.most = self.over = 0
        self.longest_over = 0
        self.idle: set[int] = set()
        self.frozen = False
        """Whether some connections can't close."""
        self.faults: list[str] = []

    async def run(self) -> None:
        """Sample until canceled."""
        streak = 0
        while True:
            await asyncio.sleep(self.INTERVAL)
            try:
                found = await self.server.connections()
            except UNREACHABLE:
                streak = 0
                continue
            self.samples += 1
            if self.frozen:
                streak = 0
                continue
            self.most = max(self.most, len(found))
            streak = streak + 1 if len(found) > self.limit else 0
            self.over += bool(streak)
            self.longest_over = max(self.longest_over, streak)
            if streak == self.PATIENCE:
                self.faults.append(f"{len(found)} connections: {[dict(row) for row in found]}")
            self._look_for_leaks(found)

    def _look_for_leaks(self, found: Sequence[Any]) -> None:
        for row in found:
            is_idle = row["state"].startswith("idle in transaction")
            if is_idle and row["seconds"] > self.MAX_IDLE_IN_TRANSACTION:
                if row["pid"] not in self.idle:
                    self.faults.append(f"idle in transaction: {dict(row)}")
                self.idle.add(row["pid"])


class Memory:
    """The memory, open files and threads of the app's process."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self.samples: list[float] = []

    async def run(self, seconds: float) -> None:
        """Sample until canceled."""
        while True:
            self.samples.append(self.mib())
            await asyncio.sleep(seconds)

    def mib(self) -> float:
        """Return the resident memory."""
        status = (self._folder / "status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def open_files(self) -> int:
        """Return the number of open files and sockets."""
        return len(list((self._folder / "fd").iterdir()))


async def until(condition: Any, seconds: float) -> bool:  # noqa: ANN401 - an async function
    """Wait until a call succeeds and isn't False; return whether it did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(*UNREACHABLE):
            if await condition() is not False:
                return True
        await asyncio.sleep(0.1)
    return False
