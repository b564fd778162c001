"""CPU instructions per request: a count that is reproducible even on a busy machine.

    python3 -m benchmarks.instructions [--write] [--database URL]

Counts with callgrind the instructions of a request in the limit, the reference and a generated
project, without the HTTP server and the kernel. Requires valgrind.
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
    """Return the instructions of one request, in thousands."""
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
    """Count and print a Markdown table."""
    parser = report.command_line("instructions")
    options = parser.parse_args()
    if shutil.which("callgrind_control") is None:
        sys.exit("callgrind not found: install valgrind (`apt install valgrind`).")
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
                "MAIL_IN_SERVER": "false",  # its polling would be counted, too
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
    page.report_section("instructions", text, write=options.write)


if __name__ == "__main__":
    main()
