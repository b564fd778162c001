"""Requests per second of a generated project, compared with other stacks.

    python3 -m benchmarks.requests [--quick] [--rounds N] [--minutes N] [--only NAME,...] [--write]
                                   [--database URL]

Generates a project with one resource. It and small apps of other stacks serve the same rows of one
PostgreSQL. Each takes turns with the reference, FastAPI with the SQLAlchemy ORM: one second of load
each. The result is the ratio, because a slow moment of the machine slows both. A complete run
writes its part of docs/performance.md even without `--write`, after each contestant, so that its
results are kept. What fails is skipped. Requires Linux (for /proc) and wrk.
"""

import argparse
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks import goals, page, report
from benchmarks.figures import Burst, Found, Pair
from benchmarks.load import find_wrk, send
from benchmarks.servers import Contestant, Server, served
from benchmarks.stacks import LIMIT, OURS, REFERENCE, Filled, Project, small_apps
from benchmarks.workloads import PAGES, QUICK

TRIES = 5
MINUTES = 30


class Race:
    """The reference, which keeps running, and the databases."""

    def __init__(
        self, reference: Server, databases: Sequence[Filled], rounds: int, minutes: float = MINUTES
    ) -> None:
        self.reference = reference
        self.deadline = time.monotonic() + minutes * 60
        self.databases = databases
        self.rounds = rounds
        self.found = Found(reference.cold_start)
        self._next_item = 1
        self._warm: set[str] = set()

    def compare(self, server: Server, names: Iterable[str]) -> Found:
        """Measure a server and the reference, taking turns; skip a workload that fails."""
        found = Found(server.cold_start)
        for name in (name for name in names if name in server.workloads):
            try:
                pairs = self._take_turns(server, name)
            except Exception:  # the others are measured nevertheless
                if not (server.is_running and self.reference.is_running):
                    raise
                traceback.print_exc()
                continue
            found.pairs[name] += pairs
            self.found.pairs[name] += [Pair(reference, reference) for _, reference in pairs]
            print(f"  {name}: {report.ratio(found, name)} times L4", flush=True)
        found.memory_mib = server.memory_mib()
        self.found.memory_mib = self.reference.memory_mib()
        for database in self.databases:
            database.tidy()
        self._next_item = 1
        return found

    def _take_turns(self, server: Server, name: str) -> list[Pair]:
        self._burst(server, name)  # warm-up
        if name not in self._warm:
            self._burst(self.reference, name)
            self._warm.add(name)
        pairs = []
        for number in range(self.rounds):
            turns = (server, self.reference) if number % 2 else (self.reference, server)
            bursts = {turn: self._burst(turn, name) for turn in turns}
            pairs.append(Pair(bursts[server], bursts[self.reference]))
        return pairs

    def _burst(self, server: Server, name: str) -> Burst:
        """Send as many requests as possible; repeat with a longer burst if none succeeds."""
        workload = server.workloads[name]
        for _ in range(TRIES):
            used = server.cpu_seconds()
            responses = send(server.address, workload, server.token, self._next_item)
            used = server.cpu_seconds() - used
            if workload.is_numbered:  # some requests were in progress at the end
                self._next_item += responses.requests + 2 * workload.connections
            if responses.requests:
                return Burst(
                    responses.requests / responses.seconds,
                    responses.p50_ms,
                    responses.p99_ms,
                    used / responses.requests * 1_000_000,
                )
            workload = workload._replace(seconds=2 * workload.seconds)
        raise AssertionError(f"{name}: no response")


def measure(
    race: Race,
    contestants: Sequence[Contestant],
    names: Sequence[str],
    logs: Path,
    keep: Callable[[dict[str, Found], list[str]], None],
) -> dict[str, Found]:
    """Return the measurements; the reference is last. What fails is skipped.

    After each contestant, `keep` gets the measurements so far and the names of those without any.
    """
    found: dict[str, Found] = {}
    for number, contestant in enumerate(contestants, 1):
        if time.monotonic() > race.deadline:
            print("The time is over: the remaining contestants are skipped.")
            break
        print(f"{contestant.name} ({number} of {len(contestants)}) ...", flush=True)
        try:
            with served(contestant, logs):  # once before, so that Python compiles it
                pass
            with served(contestant, logs) as server:
                found[contestant.name] = race.compare(server, names)
        except Exception:  # the others are measured nevertheless
            if not race.reference.is_running:
                raise
            traceback.print_exc()
        missing = [one.name for one in contestants if one.name not in found]
        keep({**found, REFERENCE: race.found}, missing)
    return {**found, REFERENCE: race.found}


def select(contestants: Iterable[Contestant], options: argparse.Namespace) -> list[Contestant]:
    """Return the contestants selected by the options, beginning with those of the goals."""
    words = options.only.lower().split(",")
    chosen = [
        one
        for one in contestants
        if any(word in one.name.lower() for word in words)
        and (one.name in {OURS, LIMIT} or not options.quick)
    ]
    return sorted(chosen, key=lambda one: one.name not in goals.CONTESTANTS)


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = report.command_line("requests")
    parser.add_argument(
        "--quick", action="store_true", help="measure only the most important, in 3 minutes"
    )
    parser.add_argument(
        "--rounds", type=int, default=0, help="pairs of bursts (default: 5, with --quick 3)"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=MINUTES,
        help=f"start no further contestant after this time (default: {MINUTES})",
    )
    parser.add_argument("--only", default="", help="parts of contestants' names, comma-separated")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.write = options.write or not (options.quick or options.only)
    return options


def main() -> None:
    """Measure and print Markdown tables; write the page after a complete run."""
    options = parse()
    find_wrk()
    names = QUICK if options.quick else tuple(PAGES)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project = Project(folder)
        file = str(folder / "app.db")
        with (
            project.filled(server=options.database) as database,
            project.filled(file=file) as sqlite,
        ):
            apps = small_apps(project, database.url)
            reference = apps.pop(REFERENCE)
            ours = project.contestants(database.url, sqlite.url)
            statements = database.count_statements()
            database.tidy()

            def keep(found: dict[str, Found], missing: list[str]) -> None:
                if options.write:
                    page.write_requests(found, statements, load, options.rounds, missing)

            with served(reference, folder):
                pass
            with served(reference, folder) as server:
                race = Race(server, [database, sqlite], options.rounds, options.minutes)
                chosen = select([*ours, *apps.values()], options)
                found = measure(race, chosen, names, folder, keep)
    print(f"\n{report.machine(load)}")
    print(page.sections(found, statements, names))
    print(f"\n{goals.write(goals.judge(found, statements))}")


if __name__ == "__main__":
    main()
