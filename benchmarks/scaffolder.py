"""Duration of creating, changing and removing a resource.

    python3 -m benchmarks.scaffolder [--rounds N]

Runs the commands of docs/resources.md in a new project and in one with 30 resources, and prints the
seconds of each, and the CPU seconds: other work on the machine lengthens the former. The startup
time of Python and ruff, which is part of each, is printed for comparison.
"""

import argparse
import os
import resource
import shlex
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from random import Random
from statistics import median

import fireup
from benchmarks.report import machine, table
from tests.every_field_type import RESOURCES
from tests.random_resources import AUTHOR, BOOK, NAMES, RATING, random_commands
from tests.serving import run_in

TESTS = ["tests/features/authors", "tests/features/books"]
MANY = 30
IN_FILE = [f"Other{name}" for name in NAMES[14:29]]
EVERY_TYPE = shlex.join(
    word for word in RESOURCES[2] if not word.endswith(("=Maker:optional", "=Label"))
)


class Timed:
    """A project in which commands are timed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
        self.times: defaultdict[str, list[float]] = defaultdict(list)
        self.cpu_times: defaultdict[str, list[float]] = defaultdict(list)

    def run(self, name: str, line: str) -> None:
        """Run `python -m …`, which must succeed, and record its seconds under a name."""
        started, used = time.perf_counter(), _cpu_seconds()
        path = f"{Path(self.python).parent}:{os.environ['PATH']}"
        done = run_in(self.folder, [self.python, "-m", *shlex.split(line)], PATH=path)
        self.times[name].append(time.perf_counter() - started)
        self.cpu_times[name].append(_cpu_seconds() - used)
        if done.returncode:
            sys.exit(f"{line} failed:\n{done.stdout}")


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def project_with(resources: int, folder: Path) -> Timed:
    """Generate a project with resources, and a file of others."""
    project = Timed(fireup.generate(folder / f"project{resources}", {}))
    for name, names in (("existing.txt", NAMES[:resources]), ("file.txt", IN_FILE)):
        commands = random_commands(names, Random(name))  # noqa: S311 - repeatable
        text = "\n".join(shlex.join(command.in_file) for command in commands)
        (project.folder / name).write_text(text, encoding="utf-8")
    if resources:
        project.run("", "app new resources existing.txt")
    project.run("", "app setup")
    return project


def measure(project: Timed) -> None:
    """Run each command once; afterwards, the project is unchanged, but for migrations."""
    project.run("Python and ruff start", "ruff --version")
    project.run("`app new resource Author …`", f"app new resource {AUTHOR}")
    project.run("`app new resource Book …`", f"app new resource {BOOK}")
    project.run("a resource with every field type", f"app new resource {EVERY_TYPE}")
    project.run("`app new resources` with 15, `--dry-run`", "app new resources file.txt --dry-run")
    project.run("`app add field Book …`", f"app add field Book {RATING}")
    project.run("`app rename field Book isbn ean`", "app rename field Book isbn ean")
    project.run("`app change field Book title:str=300`", "app change field Book title:str=300")
    project.run("`app remove field Book pages`", "app remove field Book pages")
    project.run("`app rename resource Author Writer`", "app rename resource Author Writer")
    for name in ("Book", "Thing", "Writer"):
        project.run("`app destroy Book`", f"app destroy {name} --force")


def measure_chain(project: Timed) -> float:
    """Run everything from two commands to their tests, and return its seconds."""
    started = time.perf_counter()
    for line in (
        f"app new resource {AUTHOR}",
        f"app new resource {BOOK}",
        "app db upgrade",
        "app check",
        shlex.join(["pytest", "-n", "auto", "-q", *TESTS]),
    ):
        project.run("chain", line)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.scaffolder")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        projects = [project_with(count, Path(folder)) for count in (0, MANY)]
        load = os.getloadavg()[0]
        for number in range(rounds):
            print(f"Round {number + 1} of {rounds} ...", flush=True)
            for project in projects:
                measure(project)
        chain = measure_chain(projects[0])
    names = [name for name in projects[0].times if name not in {"", "chain"}]
    print(f"\n{machine(load)}, {rounds} rounds, median; CPU seconds in parentheses\n")
    head = ["what", "new project", f"{MANY} resources"]
    print(table(head, [[name, *(_seconds(one, name) for one in projects)] for name in names]))
    print(f"\nEverything, from two commands to their tests: {chain:.0f} seconds")


def _seconds(project: Timed, name: str) -> str:
    return f"{median(project.times[name]):.1f} ({median(project.cpu_times[name]):.1f})"


if __name__ == "__main__":
    main()
