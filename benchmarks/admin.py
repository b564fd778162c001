"""Response times of the admin with large tables, compared with two admin libraries.

    python3 -m benchmarks.admin [--rows N] [--rounds N] [--write] [--database URL]

Generates a project, creates a million users in PostgreSQL, and sends the same requests to three
admins in one process, taking turns: the project's, plain starlette-admin, and sqladmin. It prints
the time from the request to the complete response. The trigram index needs pg_trgm, which the
tests' PostgreSQL doesn't have: set `--database` to a server whose user can create databases.
"""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import TypeAlias

import fireup
from benchmarks import goals, page
from benchmarks.report import command_line, machine, table
from benchmarks.stacks import OURS
from tests.serving import environment

INSIDE = Path(__file__).with_name("admin_inside.py")
SQLADMIN = "sqladmin==0.32.0"
Times: TypeAlias = list[tuple[float, int]]
JUDGED = re.compile(r"first page|page [\d,]+|sorted by address")
"""Pages of a list, which must not take more than AT_MOST milliseconds."""
AT_MOST = 150
TOO_LONG = 400  # status of a search that times out


def measure(
    folder: Path, rows: int, rounds: int, database: str
) -> dict[str, dict[str, list[tuple[float, int]]]]:
    """Return the times and statuses of each request, by admin."""
    project = fireup.generate(folder / "my_project", {})
    python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
    extra = folder / "sqladmin"
    wanted = ["--python", python, "--target", str(extra), SQLADMIN]
    subprocess.run([fireup.dev.find_uv(), "pip", "install", "-q", *wanted], check=True)
    variables = {**environment(), "PYTHONPATH": str(project)}
    variables |= {"TEST_DATABASE_URL": database} if database else {}
    done = subprocess.run(
        [python, str(INSIDE), str(rows), str(rounds), str(extra)],
        cwd=project,
        env=variables,
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, dict[str, Times]] = json.loads(done.stdout.splitlines()[-1])
    return found


def format_times(times: Times | None) -> str:
    """Format the median, minimum and maximum."""
    if not times:
        return "not offered"
    took = sorted(one for one, _ in times)
    timeouts = sum(status == TOO_LONG for _, status in times)
    note = f", timed out {timeouts} of {len(times)}" if timeouts else ""
    return f"{median(took):.0f} ({took[0]:.0f}-{took[-1]:.0f}){note}"


def judge(found: Mapping[str, Mapping[str, Times]]) -> list[goals.Goal]:
    """Compare the times of the project's pages with the goal."""
    pages = {name: times[OURS] for name, times in found.items() if JUDGED.fullmatch(name)}
    return [
        goals.at_most(f"{name}, milliseconds", AT_MOST, median(took for took, _ in times))
        for name, times in pages.items()
    ]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = command_line("admin")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.rows, options.rounds, options.database)
    who = list(next(iter(found.values())))
    lines = [
        [name, *(format_times(times.get(one)) for one in who)] for name, times in found.items()
    ]
    text = (
        f"{machine(load)}\n\nMilliseconds with {options.rows:,} rows, the median of"
        f" {options.rounds} rounds (least-most):\n\n{table(['', *who], lines)}\n"
        f"{goals.write(judge(found), f'admin of the generated project, {options.rows:,} rows')}"
    )
    page.report_section("admin", text, write=options.write)


if __name__ == "__main__":
    main()
