"""Duration of creating, changing and removing a resource.

    python3 -m benchmarks.scaffolder [--rounds N]

Generates a project and runs the commands of docs/extending.md in it. The startup time of Python and
ruff, which is part of each, is printed for comparison.
"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import fireup
from benchmarks.report import machine
from tests.random_resources import AUTHOR, BOOK, RATING
from tests.serving import run_in

TESTS = ["tests/features/authors", "tests/features/books"]
CHAIN = (
    "app new resource Author",
    "app new resource Book",
    "app db upgrade",
    "app check",
    "the tests of both",
)
"""The steps of the whole chain: create, migrate, check, test."""


class Timed:
    """A project in which commands are timed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
        self.times: defaultdict[str, list[float]] = defaultdict(list)

    def run(self, name: str, line: str) -> None:
        """Run `python -m …`, which must succeed, and record its seconds under a name."""
        started = time.perf_counter()
        path = f"{Path(self.python).parent}:{os.environ['PATH']}"
        done = run_in(self.folder, [self.python, "-m", *shlex.split(line)], PATH=path)
        self.times[name].append(time.perf_counter() - started)
        if done.returncode:
            sys.exit(f"{line} failed:\n{done.stdout}")


def measure(project: Timed) -> None:
    """Run each command once; afterwards, the project is unchanged."""
    project.run("Python and ruff start", "ruff --version")
    project.run("app new resource Author", f"app new resource {AUTHOR}")
    project.run("app new resource Book", f"app new resource {BOOK}")
    project.run("app db upgrade", "app db upgrade")
    project.run("app check", "app check")
    project.run("the tests of both", shlex.join(["pytest", "-n", "auto", "-q", *TESTS]))
    project.run("app add field", f"app add field Book {RATING}")
    project.run("app db downgrade", "app db downgrade -2")
    project.run("app destroy Book", "app destroy Book --force")
    project.run("app destroy Author", "app destroy Author --force")


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.scaffolder")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        project = Timed(fireup.generate(Path(folder) / "my_project", {}))
        project.run("app setup", "app setup")
        load = os.getloadavg()[0]
        for number in range(rounds):
            print(f"Round {number + 1} of {rounds} ...", flush=True)
            measure(project)
    times = project.times
    one_chain = [sum(times[name][number] for name in CHAIN) for number in range(rounds)]
    rows = {**times, "the whole chain, first time": one_chain[:1]}
    rows["the whole chain, later (median)"] = [median(one_chain[1:] or one_chain)]
    print(f"\n{machine(load)}, {rounds} rounds\n")
    print("| what | seconds, median | from | to |\n|---|---|---|---|")
    for name, found in rows.items():
        figures = (median(found), min(found), max(found))
        print(f"| {name} | {' | '.join(f'{seconds:.1f}' for seconds in figures)} |")


if __name__ == "__main__":
    main()
