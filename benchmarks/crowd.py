"""Behavior of a server under overload.

    python3 -m benchmarks.crowd [--seconds N] [--write] [--database URL]

Generates a project and serves it with one process. Two thousand clients request an item, each
sending its next request as soon as it has a response: none may be rejected, and memory must not
grow. Then more clients than the server can handle within the queue timeout: some must get 503, the
others a response, and the first request afterwards must be as fast as before.
"""

import os
import tempfile
import time
from pathlib import Path

from benchmarks import page
from benchmarks.load import find_wrk, flood
from benchmarks.report import command_line, machine, table
from benchmarks.servers import Server, served
from benchmarks.stacks import OURS, Project
from benchmarks.workloads import WORKLOADS

CLIENTS = 2_000
TOO_MANY = 8_000


def crowd(server: Server, clients: int, seconds: int) -> list[str]:
    """Send requests with this many concurrent clients; return the table row."""
    asked = WORKLOADS["item"]._replace(connections=clients, seconds=seconds)
    before = server.memory_mib()
    responses = flood(server.address, asked, server.token, 1)
    started = time.perf_counter()
    server.ask(WORKLOADS["item"])
    after = (time.perf_counter() - started) * 1000
    good = responses.requests - responses.rejected
    return [
        f"{clients:,}",
        f"{good / responses.seconds:,.0f}",
        f"{responses.rejected / responses.seconds:,.0f}",
        f"{responses.broken:,}",
        f"{responses.p50_ms:,.0f} / {responses.p99_ms:,.0f}",
        f"{before:.0f} / {server.memory_mib():.0f}",
        f"{after:.0f}",
    ]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = command_line("crowd")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    find_wrk()
    load = os.getloadavg()[0]
    head = [
        "clients",
        "responses a second",
        "rejected (503) a second",
        "broken",
        "milliseconds, p50 / p99",
        "MiB, before / after",
        "milliseconds of the next request",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project = Project(folder)
        with (
            project.filled(server=options.database) as database,
            served(project.contestant(OURS, database.url), folder) as server,
        ):
            crowd(server, 16, 5)  # warm-up
            rows = [
                crowd(server, clients, options.seconds) for clients in (16, CLIENTS, TOO_MANY, 16)
            ]
    text = f"{machine(load)} {options.seconds} seconds each.\n\n{table(head, rows)}"
    page.report_section("crowd", text, write=options.write)


if __name__ == "__main__":
    main()
