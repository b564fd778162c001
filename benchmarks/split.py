"""Where the time of a request goes, in a generated project.

    python3 -m benchmarks.split [--seconds N] [--write] [--database URL]

py-spy looks at the process while it serves as many requests as it can, some times a second, and
sees the functions under way, those in C too. Each look counts for the innermost that belongs to a
part of `PARTS`: what a library calls that is in no part, as functions of Python, is its own doing.
Needs what wrk and py-spy need: Linux, and the right to look into a process that one has started.
"""

import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import fireup
from benchmarks import page, report
from benchmarks.load import CLIENT_CORE, find_wrk, flood, on_cores
from benchmarks.servers import Server, served
from benchmarks.stacks import APPS, OURS, Project
from benchmarks.workloads import WORKLOADS

ASKED = ("item", "page 1", "create")
LOOKS_A_SECOND = 25  # each stops the process: with more of them it does little else
COLLECTOR, OTHER = "garbage collector", "other"
ROUTING = "routing and middleware (Starlette, app/security.py)"
ENGINE = "SQLAlchemy: engine, pool, greenlets"
# What a frame is searched for, as "function (file:line)"; the first that is found counts.
PARTS = {
    r"uvicorn/|httptools|llhttp": "server (uvicorn, httptools)",
    r"asyncio/|_asynciomodule|uvloop|\(loop\.c": "event loop and sockets (uvloop)",
    r"(matches|_match|FastAPI\.__call__|APIRouter\.app) \(fastapi/": ROUTING,
    r"\(starlette/|fastapi/(middleware|telemetry|_body_limit)|app/security": ROUTING,
    r"jose/|cryptography/|_rust\.abi3|app/(accounts/tokens|keys)\.py": "token check (python-jose)",
    r"sqlalchemy/(orm|ext/asyncio)/": "SQLAlchemy: sessions and objects",
    r"sqlalchemy/util/concurrency|greenlet": ENGINE,
    r"sqlalchemy/(engine|pool|dialects|connectors)/": ENGINE,
    r"sqlalchemy/sql/": "SQLAlchemy: statements",
    r"asyncpg|\(protocol\.c": "driver (asyncpg)",
    r"pydantic": "validation and serialization (pydantic)",
    r"fastapi/": "dependencies and handler (FastAPI)",
    r"\(app/": "the project's own code",
}
_PARTS = {re.compile(pattern): part for pattern, part in PARTS.items()}


def part_of(stack: str) -> str:
    """Return the part that was at work; a stack has its innermost function last."""
    frames = stack.split(";")
    if any("gc_collect" in frame for frame in frames):
        return COLLECTOR
    for frame in reversed(frames):
        for pattern, part in _PARTS.items():
            if pattern.search(frame):
                return part
    return OTHER


def shares(lines: Iterable[str]) -> Counter[str]:
    """Count the looks at each part; each line is a stack, and how often it was seen."""
    found: Counter[str] = Counter()
    for line in lines:
        stack, _, times = line.rpartition(" ")
        waits = "epoll" in stack.rpartition(";")[2] or "(threading.py" in stack
        if not waits:
            found[part_of(stack)] += int(times)
    return found


def look(profiler: str, server: Server, name: str, seconds: int, folder: Path) -> Counter[str]:
    """Send requests, and look at the server meanwhile."""
    looks = folder / "looks"
    asked = WORKLOADS[name]
    flood(server.address, asked, server.token, 1)  # the first load what they need
    options = ["--native", "--format", "raw", "--rate", str(LOOKS_A_SECOND)]
    options += ["--duration", str(seconds), "--output", str(looks)]
    with (
        on_cores(CLIENT_CORE),
        subprocess.Popen(
            [profiler, "record", *options, "--pid", str(server.process.pid)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        flood(server.address, asked._replace(seconds=seconds + 1), server.token, 1)
    assert process.returncode == 0, "py-spy failed: may it look into a process?"
    return shares(looks.read_text(encoding="utf-8").splitlines())


def write(found: dict[str, Counter[str]]) -> str:
    """Write a table of shares, the largest part first."""
    parts = sum(found.values(), Counter[str]())
    rows = [
        [part, *(f"{counted[part] / counted.total():.1%}" for counted in found.values())]
        for part, _ in parts.most_common()
    ]
    looks = ["looks", *(str(counted.total()) for counted in found.values())]
    return report.table(["", *found], [*rows, looks])


def main() -> None:
    """Look, and print a table in Markdown."""
    parser = report.command_line("split")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    find_wrk()
    load = os.getloadavg()[0]
    profiler = str(Path(fireup.install(APPS / "requirements.txt")).with_name("py-spy"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project = Project(folder)
        with (
            project.filled(server=options.database) as database,
            served(project.contestant(OURS, database.url), folder) as server,
        ):
            found = {}
            for name in ASKED:
                print(f"{name} ...", flush=True)
                found[name] = look(profiler, server, name, options.seconds, folder)
    text = f"{report.machine(load)}\n\n{write(found)}"
    print(f"\n{text}")
    if options.write:
        page.write_section("split", text)


if __name__ == "__main__":
    main()
