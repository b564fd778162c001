"""Where the time of a request goes, in a generated project.

    python3 -m benchmarks.split [--seconds N] [--write] [--database URL]

The process looks at itself every two milliseconds that it computes, while it serves as many
requests as it can: what else runs on the machine does not count. Each look counts for the
innermost function that belongs to one of `PARTS`: what a library calls that is in none, as
functions of Python, is its own doing. What is written in C counts for the function that called it,
such as what the server and the driver send, and what uvloop does between two for the next one.
"""

import os
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmarks import page, report
from benchmarks.load import find_wrk, flood
from benchmarks.servers import Server, served
from benchmarks.stacks import OURS, Project
from benchmarks.workloads import WORKLOADS

ASKED = ("item", "page 1", "create")
OTHER = "other"
ROUTING = "routing and middleware (Starlette, app/api/middleware.py)"
ENGINE = "SQLAlchemy: engine, pool, greenlets"
# What a frame is searched for, as "function (file)"; the first that is found counts.
PARTS = {
    r"^collected \(": "garbage collector",
    r"\((uvicorn|httptools)/": "server (uvicorn, httptools), and what it sends",
    r"/asyncio/|\(uvloop/": "event loop (uvloop)",
    r"(matches|_match|FastAPI\.__call__|APIRouter\.app) \(fastapi/": ROUTING,
    r"\(starlette/|\(fastapi/(middleware|telemetry|_body_limit)": ROUTING,
    r"\(app/api/(concurrency|middleware|request_cycle|response_headers)\.": ROUTING,
    r"\((jose|cryptography)/|/access_tokens\.py|settings/keys\.py": "token check (python-jose)",
    r"\(sqlalchemy/(orm|ext/asyncio)/": "SQLAlchemy: sessions and objects",
    r"\(sqlalchemy/(engine|pool|dialects|connectors|util/concurrency)": ENGINE,
    r"\(sqlalchemy/sql/": "SQLAlchemy: statements",
    r"\(asyncpg/": "driver (asyncpg), and what it sends",
    r"\(pydantic|serialize_response \(|serialize_json \(": "serialization (pydantic)",
    r"\(fastapi/": "dependencies and handler (FastAPI)",
    r"\(app/": "the project's own code",
}
_PARTS = {re.compile(pattern): part for pattern, part in PARTS.items()}


def part_of(stack: str) -> str:
    """Return the part that was at work; a stack has its innermost function last."""
    for frame in reversed(stack.split(";")):
        for pattern, part in _PARTS.items():
            if pattern.search(frame):
                return part
    return OTHER


def shares(lines: Iterable[str]) -> Counter[str]:
    """Count the looks at each part; each line is a stack, and how often it was seen."""
    found: Counter[str] = Counter()
    for line in lines:
        stack, _, times = line.rpartition(" ")
        found[part_of(stack)] += int(times)
    return found


def look(server: Server, name: str, seconds: int, looks: Path) -> Counter[str]:
    """Send requests, and return what the server saw of itself meanwhile."""
    asked = WORKLOADS[name]
    flood(server.address, asked, server.token, 1)  # the first load what they need
    _read(server, looks)
    flood(server.address, asked._replace(seconds=seconds), server.token, 1)
    return shares(_read(server, looks))


def _read(server: Server, looks: Path) -> list[str]:
    """Have the server write what it saw since."""
    os.kill(server.process.pid, signal.SIGUSR1)
    until = time.monotonic() + 10
    while not looks.exists():
        assert time.monotonic() < until, "the server does not tell what it saw"
        time.sleep(0.01)
    lines = looks.read_text(encoding="utf-8").splitlines()
    looks.unlink()
    return lines


def write(found: dict[str, Counter[str]]) -> str:
    """Write a table of shares, the largest part first."""
    parts = sum(found.values(), Counter[str]())
    rows = [
        [part, *(f"{counted[part] / counted.total():.1%}" for counted in found.values())]
        for part, _ in parts.most_common()
    ]
    looks = ["samples", *(f"{counted.total():,}" for counted in found.values())]
    return report.table(["", *found], [*rows, looks])


def main() -> None:
    """Look, and print a table in Markdown."""
    parser = report.command_line("split")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    find_wrk()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        looks = folder / "looks"
        project = Project(folder)
        with project.filled(server=options.database) as database:
            looking = replace(
                project.contestant(OURS, database.url),
                command=[project.python, "-m", "benchmarks.split_inside", "{port}", str(looks)],
                variables={**project.inside_variables, "DATABASE_URL": database.url},
            )
            with served(looking, folder) as server:
                found = {name: look(server, name, options.seconds, looks) for name in ASKED}
    text = f"{report.machine(load)}\n\n{write(found)}"
    page.tell("split", text, write=options.write)


if __name__ == "__main__":
    main()
