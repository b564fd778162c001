"""Duration of development tasks in a generated project.

    python3 -m benchmarks.tools [--rounds N] [--write]

Generates, installs, starts and tests projects as developers do. A start ends when the readiness
probe succeeds, which is polled five times a second. Importing the app is compared with importing
FastAPI and SQLAlchemy. The first run without cached packages downloads them, so it depends on the
network; without a network, it is skipped.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import fireup
from benchmarks import page
from benchmarks.report import machine, table, writing_command_line
from benchmarks.scaffolder import Timed
from tests.random_resources import AUTHOR
from tests.serving import environment, running

LOADED = {
    "FastAPI and SQLAlchemy alone": "fastapi, sqlalchemy.ext.asyncio",
    "the project's app": "app.main",
}
MEASURE_IMPORT = """
import json, os, sys, time
before = time.perf_counter()
import {names}
seconds = time.perf_counter() - before
pages = int(open("/proc/self/statm").read().split()[1])
print(json.dumps([seconds * 1000, len(sys.modules), pages * os.sysconf("SC_PAGE_SIZE") / 2**20]))
"""
LOADS_A_ROUND = 5


def start(project: Path, **variables: str) -> float:
    """Run `dev.py run`; return the seconds until it responds."""
    command = [sys.executable, "-u", "dev.py", "run"]
    log = project.with_suffix(".log")
    started = time.perf_counter()
    with running(command, project, log, {**environment(), **variables}):
        return time.perf_counter() - started


def generate_and_start(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Generate projects and start each twice."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        print(f"Projects, round {number + 1} of {rounds} ...", flush=True)
        started = time.perf_counter()
        project = fireup.generate(folder / f"project_{number}", {})
        times["generating a project"].append(time.perf_counter() - started)
        times["its first run, with cached packages"].append(start(project))
        times["its second run"].append(start(project))
    print("A first run without packages ...", flush=True)
    empty = {"UV_CACHE_DIR": str(folder / "uv"), "XDG_CACHE_HOME": str(folder / "cache")}
    try:
        times["its first run, without a cache"].append(
            start(fireup.generate(folder / "project", {}), **empty)
        )
    except AssertionError as error:
        print(f"Skipped: {error}")
    return times


def work(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Create and remove resources in a project, then run its tests twice."""
    project = Timed(fireup.generate(folder / "worked_on", {}))
    project.run("app setup", "app setup")
    for number in range(rounds):
        print(f"A resource, round {number + 1} of {rounds} ...", flush=True)
        project.run("app new resource", f"app new resource {AUTHOR}")
        project.run("app destroy", "app destroy Author --force")
    print("The tests of a project ...", flush=True)
    project.run("its tests", "pytest -n auto -q")
    project.run("its tests on SQLite only", "pytest -n auto -q --database sqlite")
    kept = ("app new resource", "its tests", "its tests on SQLite only")
    return {name: project.times[name] for name in kept}


def load(folder: Path, rounds: int) -> dict[str, list[list[float]]]:
    """Return the milliseconds, modules and MiB of imports, taking turns."""
    project = fireup.generate(folder / "loaded", {})
    python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
    found: dict[str, list[list[float]]] = {name: [] for name in LOADED}
    for number in range(-1, rounds * LOADS_A_ROUND):
        for name, modules in LOADED.items():
            command = [python, "-c", MEASURE_IMPORT.format(names=modules)]
            variables = {**environment(), "PYTHONPATH": str(project)}
            output = subprocess.check_output(command, cwd=folder, env=variables)
            if number >= 0:  # before, Python compiles it
                found[name].append(json.loads(output))
    return found


def spread(figures: Sequence[float], digits: int) -> list[str]:
    """Format the median, minimum and maximum."""
    return [f"{one:,.{digits}f}" for one in (median(figures), min(figures), max(figures))]


def main() -> None:
    """Measure and print Markdown tables."""
    parser = writing_command_line("tools")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        loaded = load(folder, options.rounds)
        times = {**generate_and_start(folder, options.rounds), **work(folder, options.rounds)}
    seconds = [[name, *spread(found, 1)] for name, found in times.items()]
    imports = [
        [name, *spread([one[0] for one in found], 0), *(f"{one:,.0f}" for one in found[-1][1:])]
        for name, found in loaded.items()
    ]
    text = (
        f"{machine(before)} Rounds: {options.rounds}; the tests, and the first run without a"
        f" cache, once.\n\n{table(['', 'seconds, median', 'from', 'to'], seconds)}\n"
        f"{table(['imported', 'ms, median', 'from', 'to', 'modules', 'MiB'], imports)}"
    )
    page.report_section("tools", text, write=options.write)


if __name__ == "__main__":
    main()
