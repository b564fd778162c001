"""CPU instructions per request: a count that is reproducible even on a busy machine.

    python3 -m benchmarks.instructions [--write] [--database URL]

Counts with callgrind the instructions of a request in the limit, the reference and a generated
project, without the HTTP server and the kernel. The project has three resources, then a hundred:
finding a route may not take longer. Requires valgrind.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import fireup
from benchmarks import goals, page, report
from benchmarks.copies import add_copies
from benchmarks.instructions_inside import COUNTED
from benchmarks.servers import served
from benchmarks.stacks import APPS, BUILD_APP, LIMIT, OURS, REFERENCE, STACKS, Filled, Project
from benchmarks.workloads import COPIED, HTML, PAGES, Workload

NAMES = ("hello", "me", "item", "page 1", "create", "change", HTML)
FEW, MANY = 3, 100
"""Numbers of resources in the project; the first are notes, items and COPIED."""
ROUTED = ("hello", "me", "item", HTML)
GROWTH = 1.05
"""Maximum ratio of the instructions with MANY resources to those with FEW."""
Counts = dict[str, float | None]
"""Thousands of instructions by workload; None if the count failed."""


class App(NamedTuple):
    """An app: how it is imported, and its workloads."""

    python: str
    address: str
    workloads: Mapping[str, Workload]


class Counter:
    """Counts the instructions of requests to apps with one database."""

    def __init__(self, project: Project, database: Filled, scratch: Path) -> None:
        self.project, self.database, self.scratch = project, database, scratch
        with served(project.contestant(OURS, database.url), scratch) as server:
            self.cookie = server.workloads[HTML].headers["Cookie"]
        self.variables = {
            **project.inside_variables,
            "DATABASE_URL": database.url,
            "JOBS_IN_SERVER": "false",  # its polling would be counted, too
            "PYTHONHASHSEED": "0",
        }

    def count_all(self, app: App, names: Sequence[str]) -> Counts:
        """Count the requests of an app, on all cores."""
        known = [name for name in names if name in app.workloads]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            counts = pool.map(lambda name: self._count(app, name), known)
            found = dict(zip(known, counts, strict=True))
        self.database.tidy()
        print("  " + ", ".join(f"{name} {format_count(found[name])}" for name in known), flush=True)
        return found

    def _count(self, app: App, name: str) -> float | None:
        """Return the instructions of one request, in thousands."""
        log = self.scratch / f"{name}.log"
        callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--log-file={log}"]
        cookie = [self.cookie] if name == HTML else []
        with log.with_suffix(".out").open("w+", encoding="utf-8") as output:
            done = subprocess.run(
                [
                    *(*callgrind, "--callgrind-out-file=/dev/null", app.python, "-m"),
                    *("benchmarks.instructions_inside", app.address, name, *cookie),
                ],
                cwd=self.project.folder,
                env=self.variables,
                check=False,
                stdout=output,
                stderr=subprocess.STDOUT,  # the project's log is in a file, as in production
            )
            collected = re.search(r"Collected : (\d+)", log.read_text(encoding="utf-8"))
            if done.returncode or not collected:
                output.seek(0)
                print(f"{name} failed:\n{output.read()[-3000:]}")
                return None
        return int(collected[1]) / COUNTED / 1_000


def small_app(python: str, name: str) -> App:
    """Return the app of another stack."""
    stack = STACKS[name]
    return App(python, f"benchmarks.contestants.{stack.app}:app", stack.workloads)


def measure(project: Project, database: Filled, scratch: Path) -> dict[str, Counts]:
    """Count the requests of all apps."""
    counter = Counter(project, database, scratch)
    python = fireup.install(APPS / "requirements.txt")
    ours = App(project.python, f"{BUILD_APP}()", PAGES)
    found = {}
    apps = {name: small_app(python, name) for name in (LIMIT, REFERENCE)}
    for name, app in {**apps, OURS: ours}.items():
        print(f"{name} ...", flush=True)
        found[name] = counter.count_all(app, NAMES)
    add_copies(project.folder, MANY - FEW)
    print(f"{MANY} resources ...", flush=True)
    return {**found, f"{OURS}, {MANY} resources": counter.count_all(ours, ROUTED)}


def format_count(count: float | None) -> str:
    """Format a count."""
    return "failed" if count is None else f"{count:,.0f}"


def judge(few: Counts, many: Counts) -> list[goals.Goal]:
    """Compare the counts with few and with many resources."""
    judged = []
    for name in ROUTED:
        least, most = few.get(name), many.get(name)
        times = most / least if least and most else None
        judged.append(goals.at_most(f"{name}, instructions", GROWTH, times))
    return judged


def write(found: Mapping[str, Counts]) -> str:
    """Return the tables."""
    rows = [
        [who, *(format_count(counts[name]) if name in counts else "" for name in NAMES)]
        for who, counts in found.items()
    ]
    few, many = list(found.values())[-2:]
    title = f"generated project, {MANY} resources, times {FEW}"
    return (
        f"Thousands of instructions per request:\n\n{report.table(['', *NAMES], rows)}\n"
        f"{goals.write(judge(few, many), title)}"
    )


def main() -> None:
    """Count and print Markdown tables."""
    options = report.command_line("instructions").parse_args()
    if shutil.which("callgrind_control") is None:
        sys.exit("callgrind not found: install valgrind (`apt install valgrind`).")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        project = Project(Path(scratch))
        project.add(COPIED)
        with project.filled(server=options.database) as database:
            found = measure(project, database, Path(scratch))
    page.report_section(
        "instructions", f"{report.machine(load)}\n\n{write(found)}", write=options.write
    )


if __name__ == "__main__":
    main()
