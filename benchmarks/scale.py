"""How response times grow with the number of rows.

    python3 -m benchmarks.scale [--rows N] [--rounds N] [--write] [--database URL]

Generates a project and serves it with ten thousand notes of a hundred users, then ten times as
many, up to ten million. At each size, a user requests their first page, a deep page and a note, and
creates one; and an admin requests the list of all notes. With ten million rows, requests may take
20% longer than with a hundred thousand. Only a run with ten million rows writes its part of the
page.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import chart, page
from benchmarks.report import command_line, machine, table
from benchmarks.servers import served
from benchmarks.stacks import OURS, Project
from benchmarks.workloads import EMAIL, ITEM_KEY, PASSWORD, PEOPLE, cursor_of
from tests.serving import Answer, Visitor

FEWEST = 10_000
COMPARED, MOST = 100_000, 10_000_000
AT_MOST = 1.2
"""Maximum ratio of the times with MOST rows to those with COMPARED rows."""
JUDGED = ("first page", "a deep page", "one note")
Growth = dict[str, dict[int, list[float]]]
"""Milliseconds of each request, by number of rows."""
Asked = dict[str, Callable[[int], Answer]]


def questions(visitor: Visitor, token: str, rows: int) -> Asked:
    """Return the requests for this number of rows; each takes the number of the round."""
    middle = rows // 2
    own = middle // PEOPLE  # of the notes up to the middle one
    notes = "/api/v1/notes"

    def one(number: int) -> Answer:
        key = ITEM_KEY.format(middle - PEOPLE * (number % own))
        return visitor.get(f"{notes}/{key}", token)

    return {
        "first page": lambda _: visitor.get(notes, token),
        "a deep page": lambda _: visitor.get(f"{notes}?cursor={cursor_of(middle)}", token),
        "one note": one,
        "a new note": lambda n: visitor.post_json(notes, {"title": f"New {rows} {n}"}, token),
        "the admin's list": lambda _: visitor.get("/admin/note/list"),
    }


def milliseconds(ask: Callable[[int], Answer], rounds: int) -> list[float]:
    """Return the times of all rounds, sorted, after a warm-up."""
    found = []
    for number in range(-5, rounds):
        started = time.perf_counter()
        response = ask(number)
        found.append((time.perf_counter() - started) * 1000)
        assert response.status in {200, 201}, response.text
    return sorted(found[5:])


def measure(folder: Path, most: int, rounds: int, database: str) -> Growth:
    """Send all requests at each size."""
    project = Project(folder)
    found: Growth = {}
    with project.filled(server=database, inside="scale_inside") as filled:
        rows = FEWEST
        while rows <= most:
            print(f"{rows:,} notes ...", flush=True)
            filled.grow(rows)
            with served(project.contestant(OURS, filled.url), folder) as server:
                visitor = Visitor(server.address)
                visitor.fill_in("/login", email=EMAIL, password=PASSWORD)
                for name, ask in questions(visitor, server.token, rows).items():
                    found.setdefault(name, {})[rows] = milliseconds(ask, rounds)
            rows *= 10
    return found


def written(found: Growth) -> str:
    """Return the times as a table."""
    lines = [
        [
            name,
            *(f"{median(times):.1f} / {times[len(times) * 19 // 20]:.1f}" for times in by.values()),
        ]
        for name, by in found.items()
    ]
    sizes = next(iter(found.values()))
    title = "Milliseconds, median and 95th percentile:"
    return f"{title}\n\n{table(['', *(f'{size:,} notes' for size in sizes)], lines)}"


def verdict(found: Growth) -> str:
    """Return a table of how much slower requests are with MOST rows."""
    rows = []
    for name in JUDGED:
        times = median(found[name][MOST]) / median(found[name][COMPARED])
        rows.append(
            [name, f"≤ {AT_MOST}", f"{times:.2f}", "reached" if times <= AT_MOST else "missed"]
        )
    return table([f"{MOST:,} notes, times {COMPARED:,}", "goal", "measured", ""], rows)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = command_line("scale")
    parser.add_argument("--rows", type=int, default=MOST)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.rows, options.rounds, options.database)
    text = f"{machine(load)} {options.rounds} rounds.\n\n{written(found)}"
    if options.rows >= MOST:
        text = f"{text}\n{verdict(found)}"
    print(f"\n{text}")
    if options.write and options.rows >= MOST:
        lines = {
            name: {size: median(times) for size, times in by_size.items()}
            for name, by_size in found.items()
        }
        page.write_picture("scale.svg", chart.plot("Milliseconds, by the number of notes", lines))
        page.write_section("scale", f"![How the time grows](images/scale.svg)\n\n{text}")


if __name__ == "__main__":
    main()
