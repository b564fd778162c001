"""What happens when more people come than a server can answer.

    python3 -m benchmarks.crowd [--seconds N] [--write] [--database URL]

A project is generated and served by one process. Two thousand clients ask it for an item, each
again as soon as it has its answer: nobody may be refused, and memory may not grow. Then come more
than it can answer while they wait: those that are too many must be rejected with 503, the others
answered, and as soon as all are gone the next must be answered as ever.
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
    """Let so many clients ask at once, and say what came of it."""
    asked = WORKLOADS["item"]._replace(connections=clients, seconds=seconds)
    before = server.memory_mib()
    answers = flood(server.address, asked, server.token, 1)
    started = time.perf_counter()
    server.ask(WORKLOADS["item"])
    after = (time.perf_counter() - started) * 1000
    good = answers.requests - answers.refused
    return [
        f"{clients:,}",
        f"{good / answers.seconds:,.0f}",
        f"{answers.refused / answers.seconds:,.0f}",
        f"{answers.broken:,}",
        f"{answers.p50_ms:,.0f} / {answers.p99_ms:,.0f}",
        f"{before:.0f} / {server.memory_mib():.0f}",
        f"{after:.0f}",
    ]


def main() -> None:
    """Measure, and print a table in Markdown."""
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
            crowd(server, 16, 5)  # the first requests load what they need
            rows = [
                crowd(server, clients, options.seconds) for clients in (16, CLIENTS, TOO_MANY, 16)
            ]
    text = f"{machine(load)} {options.seconds} seconds each.\n\n{table(head, rows)}"
    page.tell("crowd", text, write=options.write)


if __name__ == "__main__":
    main()
