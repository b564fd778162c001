"""Duration of text searches in a large table, on both databases.

    python3 -m benchmarks.search [--rows N] [--rounds N] [--write] [--database URL]

Generates a project, creates a million notes in SQLite and PostgreSQL, and reads the first page of
several searches with the API's queries. The last line is a search without folding. The trigram
index needs pg_trgm, which the tests' PostgreSQL doesn't have: set `--database` to a server whose
user can create databases.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median

import fireup
from benchmarks import page
from benchmarks.report import command_line, machine, table
from tests.serving import environment

INSIDE = Path(__file__).with_name("search_inside.py")


def main() -> None:
    """Measure and print a Markdown table."""
    parser = command_line("search")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        project = fireup.generate(Path(folder) / "my_project", {})
        python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
        variables = {**environment(), "PYTHONPATH": str(project)}
        variables |= {"TEST_DATABASE_URL": options.database} if options.database else {}
        command = [python, str(INSIDE), str(options.rows), str(options.rounds), folder]
        done = subprocess.run(
            command, cwd=project, env=variables, check=True, stdout=subprocess.PIPE
        )
    found: dict[str, dict[str, list[float]]] = json.loads(done.stdout.splitlines()[-1])
    lines = [
        [name, *(f"{median(times[name]):.0f}" for times in found.values())]
        for name in next(iter(found.values()))
    ]
    text = (
        f"{machine(load)}\n\nMilliseconds with {options.rows:,} rows, the median of"
        f" {options.rounds} rounds:\n\n{table(['search', *found], lines)}"
    )
    page.report_section("search", text, write=options.write)


if __name__ == "__main__":
    main()
