"""How many requests a generated project serves, beside the stacks that it could be made of.

    python3 -m benchmarks.requests [--quick] [--rounds N] [--database URL] [--only NAME,...]

A project is generated and gets one resource. It and small apps of other stacks serve the same rows
of one PostgreSQL, each by turns with the reference, FastAPI with SQLAlchemy's ORM: a second of load
for the one, a second for the other, so that a slow moment of the machine slows both. What counts is
the ratio of the two. Needs Linux, which tells what processes use, and wrk.
"""

import argparse
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.figures import Burst, Found, Pair
from benchmarks.load import find_wrk, send
from benchmarks.servers import Contestant, Server, served
from benchmarks.stacks import OURS, REFERENCE, Filled, Project, small_apps
from benchmarks.workloads import QUICK, WORKLOADS

WARM_UP_SECONDS = 1


class Race:
    """The reference, which runs all the time, and the database of all."""

    def __init__(self, reference: Server, database: Filled, rounds: int) -> None:
        self.reference = reference
        self.database = database
        self.rounds = rounds
        self.found = Found(reference.cold_start)
        self._next_item = 1
        self._warm: set[str] = set()

    def compare(self, server: Server, names: Iterable[str]) -> Found:
        """Let a server and the reference take turns."""
        found = Found(server.cold_start)
        for name in (name for name in names if name in server.workloads):
            self._burst(server, name)  # the first requests load and compile what they need
            if name not in self._warm:
                self._burst(self.reference, name)
                self._warm.add(name)
            for number in range(self.rounds):
                turns = (server, self.reference) if number % 2 else (self.reference, server)
                bursts = {turn: self._burst(turn, name) for turn in turns}
                reference = bursts[self.reference]
                found.pairs[name].append(Pair(bursts[server], reference))
                self.found.pairs[name].append(Pair(reference, reference))
        found.memory_mib = server.memory_mib()
        self.found.memory_mib = self.reference.memory_mib()
        self.database.tidy()
        self._next_item = 1
        return found

    def _burst(self, server: Server, name: str) -> Burst:
        """Send for a second."""
        workload, used = server.workloads[name], server.cpu_seconds()
        answers = send(server.address, workload, server.token, self._next_item, 1)
        used = server.cpu_seconds() - used
        # Each item can be changed once, and some requests were under way when the second was over.
        self._next_item += answers.requests + 2 * workload.connections
        return Burst(
            answers.requests / answers.seconds,
            answers.p50_ms,
            answers.p99_ms,
            used / answers.requests * 1_000_000,
        )


def measure(
    race: Race, contestants: Iterable[Contestant], names: Sequence[str], logs: Path
) -> dict[str, Found]:
    """Return what was found, the reference last."""
    found = {}
    for contestant in contestants:
        print(f"{contestant.name} ...", flush=True)
        with served(contestant, logs):  # once before, for Python to compile it
            pass
        with served(contestant, logs) as server:
            found[contestant.name] = race.compare(server, names)
    return {**found, REFERENCE: race.found}


def main() -> None:
    """Measure, and print tables in Markdown."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.requests")
    parser.add_argument("--quick", action="store_true", help="the most important, in 3 minutes")
    parser.add_argument("--rounds", type=int, default=0, help="pairs of bursts; 5, or 3 if quick")
    parser.add_argument(
        "--database", default="", help="a PostgreSQL server; else that of the tests"
    )
    parser.add_argument("--only", default="", help="parts of names of contestants, with commas")
    options = parser.parse_args()
    find_wrk()
    names = QUICK if options.quick else tuple(WORKLOADS)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project = Project(folder)
        with project.filled(server=options.database) as database:
            apps = small_apps(project, database.url)
            reference = apps.pop(REFERENCE)
            contestants = [project.contestant(OURS, database.url), *apps.values()]
            statements = database.count_statements()
            with served(reference, folder):
                pass
            with served(reference, folder) as server:
                race = Race(server, database, options.rounds or (3 if options.quick else 5))
                found = measure(race, contestants, names, folder)
    print(f"\n{os.cpu_count()} processors, load {load:.1f} before\n")
    for title, text in report.tables(found, names).items():
        print(f"{title}\n\n{text}")
    print("SQL statements of a request to the generated project\n")
    print(report.table(["", *names], [[OURS, *(str(statements[name]) for name in names)]]))


if __name__ == "__main__":
    main()
