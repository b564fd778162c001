"""Live updates: memory of open streams, duration of a broadcast, and writes with and without them.

    python3 -m benchmarks.live [--rounds N] [--write] [--database URL]

Generates a project with two resources that differ only in `--live`, and serves it with one
process. Two thousand clients listen to the changes of one user; the memory is divided by them. Then
the user creates rows, each of which has to reach all clients: the milliseconds are from the request
to the arrival at a client, which includes reading two thousand sockets in one Python process.
Without clients, 16 connections create rows of either resource in turns.
"""

import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import page
from benchmarks.load import CLIENT_CORE, find_wrk, on_cores, send
from benchmarks.report import command_line, machine, table
from benchmarks.servers import Contestant, Server, served
from benchmarks.stacks import OURS, Project
from benchmarks.workloads import COPIED, WORKLOADS

STREAMS = 2_000
BROADCASTS = 20
AT_ONCE = 50
"""Connections that are opened at the same time."""
STREAM = "/api/v1/items/live"
LIVE = WORKLOADS["create"]
PLAIN = LIVE._replace(path="/api/v1/anvils")


class Crowd:
    """Clients that listen, and when each received the latest change."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ready = asyncio.Semaphore(AT_ONCE)
        self._arrived: list[float] = []
        self._all_arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def gather(self) -> None:
        """Open all streams."""
        for _ in range(STREAMS):
            await self._ready.acquire()
            self._tasks.add(asyncio.create_task(self._listen()))
        async with asyncio.timeout(120):
            for _ in range(AT_ONCE):
                await self._ready.acquire()

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        head = f"GET {STREAM} HTTP/1.1\r\nHost: bench.example\r\n"
        writer.write(f"{head}Authorization: Bearer {self._server.token}\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n")
        assert b" 200 " in answer, answer
        is_first = True
        while line := await reader.readline():
            if not line.startswith(b"data:"):
                continue
            if is_first:
                is_first = False
                self._ready.release()
                continue
            self._arrived.append(time.perf_counter())
            if len(self._arrived) == STREAMS:
                self._all_arrived.set()

    async def broadcast(self) -> list[float]:
        """Create a row; return the milliseconds until it arrived, for each client."""
        self._arrived, self._all_arrived = [], asyncio.Event()
        started = time.perf_counter()
        await asyncio.to_thread(self._server.ask, LIVE)
        async with asyncio.timeout(30):
            await self._all_arrived.wait()
        return [(arrived - started) * 1000 for arrived in self._arrived]

    async def leave(self) -> None:
        """Close all streams."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def listen(server: Server) -> list[str]:
    """Measure streams and broadcasts; return the table row."""
    before = server.memory_mib()
    crowd = Crowd(server)
    with on_cores(CLIENT_CORE):
        await crowd.gather()
        after = server.memory_mib()
        taken: list[float] = []
        for _ in range(BROADCASTS):
            taken += await crowd.broadcast()
            await asyncio.sleep(0.2)
        await crowd.leave()
    p50, p99 = statistics.quantiles(taken, n=100)[49], statistics.quantiles(taken, n=100)[98]
    kib = (after - before) * 1024 / STREAMS
    return [f"{STREAMS:,}", f"{before:.0f} / {after:.0f}", f"{kib:.0f}", f"{p50:,.0f} / {p99:,.0f}"]


def compare(server: Server, rounds: int) -> list[Sequence[str]]:
    """Measure writes of both resources in turns; return the table rows."""
    found: dict[str, list[float]] = {"without": [], "with `--live`": []}
    for _ in range(rounds):
        for name, workload in zip(found, (PLAIN, LIVE), strict=True):
            sent = send(server.address, workload._replace(seconds=2), server.token, 1)
            found[name].append(sent.requests / sent.seconds)
    plain, live = found.values()
    ratio = statistics.median(b / a for a, b in zip(plain, live, strict=True))
    shares = ["1", f"{ratio:.2f}"]
    return [
        [name, f"{statistics.median(rates):,.0f}", share]
        for (name, rates), share in zip(found.items(), shares, strict=True)
    ]


def contestant(project: Project, url: str) -> Contestant:
    """Return the project, which lets one user have all streams."""
    ours = project.contestant(OURS, url)
    limit = {"SERVER_MAX_LIVE_CONNECTIONS_PER_USER": str(STREAMS)}
    return replace(ours, variables={**ours.variables, **limit})


def main() -> None:
    """Measure and print two Markdown tables."""
    parser = command_line("live")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    find_wrk()
    load = os.getloadavg()[0]
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with tempfile.TemporaryDirectory() as scratch:
        project = Project(Path(scratch))
        project.add(COPIED)
        with (
            project.filled(server=options.database) as database,
            served(contestant(project, database.url), Path(scratch)) as server,
        ):
            send(server.address, LIVE, server.token, 1)  # warm-up
            written = compare(server, options.rounds)
            heard = asyncio.run(listen(server))
    streams = table(
        ["streams", "MiB, before / after", "KiB per stream", "milliseconds, p50 / p99"], [heard]
    )
    writes = table(["16 writers", "rows a second", "share"], written)
    text = f"{machine(load)} {BROADCASTS} broadcasts, {options.rounds} rounds of writes."
    page.report_section("live", f"{text}\n\n{streams}\n\n{writes}", write=options.write)


if __name__ == "__main__":
    main()
