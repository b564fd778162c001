"""What a long table costs the admin, beside the two libraries that it could be.

    python3 -m benchmarks.admin [--rows N] [--rounds N] [--write] [--database URL]

A project is generated, a million people are put into a PostgreSQL, and three admins are asked the
same, by turns, in one process: the project's, starlette-admin without our layer, and sqladmin. What
is printed is the time from the request to the whole answer. Search by trigrams needs a PostgreSQL
that has pg_trgm, which that of the tests has not: name a server by `--database`, whose user may
create databases.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import TypeAlias

import fireup
from benchmarks import page
from benchmarks.report import command_line, machine, table
from tests.serving import environment

INSIDE = Path(__file__).with_name("admin_inside.py")
SQLADMIN = "sqladmin==0.32.0"
Times: TypeAlias = list[tuple[float, int]]
TOO_LONG = 400  # our answer to a search that takes too long


def measured(
    folder: Path, rows: int, rounds: int, database: str
) -> dict[str, dict[str, list[tuple[float, int]]]]:
    """Return the times and statuses of each question, by who was asked."""
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


def shown(times: Times | None) -> str:
    """Write a median and its spread."""
    if not times:
        return "not offered"
    took = sorted(one for one, _ in times)
    refused = sum(status == TOO_LONG for _, status in times)
    words = f", timed out {refused} of {len(times)}" if refused else ""
    return f"{median(took):.0f} ({took[0]:.0f}-{took[-1]:.0f}){words}"


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = command_line("admin")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), options.rows, options.rounds, options.database)
    who = list(next(iter(found.values())))
    lines = [[name, *(shown(times.get(one)) for one in who)] for name, times in found.items()]
    text = (
        f"{machine(load)}\n\nMilliseconds with {options.rows:,} rows, the median of"
        f" {options.rounds} rounds (least-most):\n\n{table(['', *who], lines)}"
    )
    page.tell("admin", text, write=options.write)


if __name__ == "__main__":
    main()
