"""Where the time of a request goes, in a generated project.

    python3 -m benchmarks.split [--seconds N] [--write] [--database URL]

The process samples its own stack every two milliseconds of CPU time while it serves as many
requests as it can, so other processes don't affect the result. Each sample counts for the innermost
function in one of `PARTS`; functions in none, such as the standard library's, count for their
caller. C code counts for the function that calls it, such as sending for the server and the driver,
and uvloop's work between two functions for the second one.
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
from benchmarks.load import find_wrk, send
from benchmarks.servers import Server, served
from benchmarks.stacks import OURS, Project
from benchmarks.workloads import HTML

PROFILED = ("hello", "item", "page 1", "create", HTML)
OTHER = "other"
SERVER = "server (uvicorn, httptools), and what it sends"
ROUTING = "routing and middleware (Starlette, app/api)"
LOG = "request log"
TOKEN = "token check (python-jose)"  # noqa: S105 - a part's name
HTML_PAGES = "pages (Jinja2, app/web)"
ENGINE = "SQLAlchemy: engine, pool, greenlets"
# Patterns of frames, "function (file)"; the first match counts.
PARTS = {
    r"^collected \(": "garbage collector",
    r"/logging/|\(app/api/logs\.py": LOG,
    r"\((uvicorn|httptools|app/commands)/": SERVER,
    r"/asyncio/|\(uvloop/": "event loop (uvloop)",
    r"(matches|_match|FastAPI\.__call__|APIRouter\.app) \(fastapi/": ROUTING,
    r"\(starlette/|\(fastapi/(middleware|telemetry|_body_limit)": ROUTING,
    r"\((jose|cryptography)/|app/accounts/credentials/access_tokens\.py": TOKEN,
    r"\((jinja2|markupsafe|app/web)/|\.html\)": HTML_PAGES,
    r"\(sqlalchemy/(orm|ext/asyncio)/": "SQLAlchemy: sessions and objects",
    r"\(sqlalchemy/(engine|pool|dialects|connectors|util/concurrency)": ENGINE,
    r"\(sqlalchemy/sql/": "SQLAlchemy: statements",
    r"\(asyncpg/": "driver (asyncpg), and what it sends",
    r"\(pydantic|serialize_response \(|serialize_json \(": "serialization (pydantic)",
    r"\(fastapi/": "dependencies and handler (FastAPI)",
    r"\(app/api/": ROUTING,
    r"\(app/accounts/": "the caller (app/accounts)",
    r"\(app/database/": "queries and transactions (app/database)",
    r"\(app/features/": "the feature (app/features)",
    r"\(app/": "the project's other code",
}
_PARTS = {re.compile(pattern): part for pattern, part in PARTS.items()}


def part_of(stack: str) -> str:
    """Return the part of a stack; its innermost function is last."""
    for frame in reversed(stack.split(";")):
        for pattern, part in _PARTS.items():
            if pattern.search(frame):
                return part
    return OTHER


def shares(lines: Iterable[str]) -> Counter[str]:
    """Count the samples of each part; each line is a stack and its number of samples."""
    found: Counter[str] = Counter()
    for line in lines:
        stack, _, times = line.rpartition(" ")
        found[part_of(stack)] += int(times)
    return found


def sample(server: Server, name: str, seconds: int, samples: Path) -> Counter[str]:
    """Send requests and return the server's samples."""
    asked = server.workloads[name]
    send(server.address, asked, server.token, 1)  # warm-up
    _read(server, samples)
    send(server.address, asked._replace(seconds=seconds), server.token, 1)
    return shares(_read(server, samples))


def _read(server: Server, samples: Path) -> list[str]:
    """Make the server write its samples since the last call."""
    os.kill(server.process.pid, signal.SIGUSR1)
    until = time.monotonic() + 10
    while not samples.exists():
        assert time.monotonic() < until, "the server did not write its samples"
        time.sleep(0.01)
    lines = samples.read_text(encoding="utf-8").splitlines()
    samples.unlink()
    return lines


def write(found: dict[str, Counter[str]]) -> str:
    """Return a table of shares, largest first."""
    parts = sum(found.values(), Counter[str]())
    rows = [
        [part, *(f"{counted[part] / counted.total():.1%}" for counted in found.values())]
        for part, _ in parts.most_common()
    ]
    samples = ["samples", *(f"{counted.total():,}" for counted in found.values())]
    return report.table(["", *found], [*rows, samples])


def main() -> None:
    """Measure and print a Markdown table."""
    parser = report.command_line("split")
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    find_wrk()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        samples = folder / "samples"
        project = Project(folder)
        with project.filled(server=options.database) as database:
            profiled = replace(
                project.contestant(OURS, database.url),
                command=[project.python, "-m", "benchmarks.split_inside", "{port}", str(samples)],
                variables={**project.inside_variables, "DATABASE_URL": database.url},
            )
            found = {}
            with served(profiled, folder) as server:
                for name in PROFILED:
                    print(f"{name} ...", flush=True)
                    found[name] = sample(server, name, options.seconds, samples)
    text = f"{report.machine(load)}\n\n{write(found)}"
    page.report_section("split", text, write=options.write)


if __name__ == "__main__":
    main()
