"""How many instructions a request takes: a count that repeats, however busy the machine is.

    python3 -m benchmarks.instructions [--write] [--database URL]

Counts with callgrind what the process executes for a request of the limit, of the reference and of
a generated project, without an HTTP server, and without the kernel. Needs valgrind.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import fireup
from benchmarks import page, report
from benchmarks.instructions_inside import COUNTED
from benchmarks.stacks import APPS, LIMIT, OURS, REFERENCE, STACKS, Project

COUNTED_WORKLOADS = ("hello", "me", "item", "page 1")


def count(
    python: str, app: str, workload: str, folder: Path, variables: Mapping[str, str]
) -> float:
    """Return the thousands of instructions of one request."""
    callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
    done = subprocess.run(
        [
            *(*callgrind, "--callgrind-out-file=/dev/null", python, "-m"),
            *("benchmarks.instructions_inside", app, workload),
        ],
        cwd=folder,
        env=dict(variables),
        check=True,
        capture_output=True,
        text=True,
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    assert collected, done.stderr
    return int(collected[1]) / COUNTED / 1_000


def main() -> None:
    """Count, and print a table in Markdown."""
    parser = report.command_line("instructions")
    options = parser.parse_args()
    if shutil.which("callgrind_control") is None:
        sys.exit("There is no callgrind: install valgrind, with `apt install valgrind`.")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        project = Project(Path(scratch))
        apps_python = fireup.install(APPS / "requirements.txt")
        apps = {
            name: (apps_python, f"benchmarks.contestants.{STACKS[name].app}:app")
            for name in (LIMIT, REFERENCE)
        }
        apps[OURS] = project.python, "app.commands.serve:build_app()"
        with project.filled(server=options.database) as database:
            variables = {
                **project.inside_variables,
                "DATABASE_URL": database.url,
                "MAIL_IN_SERVER": "false",  # who looks for mails to send would be counted too
                "PYTHONHASHSEED": "0",
            }
            found = {}
            for name, (python, app) in apps.items():
                print(f"{name} ...", flush=True)
                found[name] = [
                    count(python, app, workload, project.folder, variables)
                    for workload in COUNTED_WORKLOADS
                ]
    rows = [[name, *(f"{one:,.0f}" for one in counted)] for name, counted in found.items()]
    title = "Thousands of instructions per request:"
    text = f"{report.machine(load)}\n\n{title}\n\n{report.table(['', *COUNTED_WORKLOADS], rows)}"
    page.tell("instructions", text, write=options.write)


if __name__ == "__main__":
    main()
