"""CPU instructions of a list in the admin, compared with an earlier version of the template.

    python3 -m benchmarks.admin_list [--write] [--database URL]

Generates a project with this version and with BEFORE, and counts with callgrind the instructions of
the list of notes, 25 rows, in both. They use the same rows of one PostgreSQL, so the comparison
ends when a migration changes what BEFORE reads. Requires git and valgrind.
"""

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import fireup
from benchmarks import goals, page, report
from benchmarks.stacks import BUILD_APP, Project

BEFORE = "a89d86b"
BEFORE_APP = "app.commands.serve:build_app"
TIMES = 2.0
COUNTED = 20
GENERATE = "import sys, fireup; from pathlib import Path; fireup.generate(Path(sys.argv[1]), {})"


def generate_before(scratch: Path) -> Path:
    """Generate a project with the earlier version."""
    template, target = scratch / "before", scratch / "project_before"
    command = ["git", "archive", BEFORE]
    done = subprocess.run(command, cwd=fireup.TEMPLATE, check=True, stdout=subprocess.PIPE)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        files.extractall(template, filter="data")
    subprocess.run([sys.executable, "-c", GENERATE, str(target)], cwd=template, check=True)
    return target


def count(python: str, folder: Path, app: str, variables: Mapping[str, str]) -> float:
    """Return the instructions of a request, in thousands."""
    callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
    done = subprocess.run(
        [
            *(*callgrind, "--callgrind-out-file=/dev/null", python, "-m"),
            *("benchmarks.admin_list_inside", f"{app}()", str(COUNTED)),
        ],
        cwd=folder,
        env={**variables, "PYTHONPATH": f"{folder}{os.pathsep}{folder.parent}"},
        check=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    assert collected, done.stderr
    return int(collected[1]) / COUNTED / 1_000


def main() -> None:
    """Count and print Markdown tables."""
    options = report.command_line("admin_list").parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        project = Project(Path(scratch))
        earlier = generate_before(Path(scratch))
        with project.filled(server=options.database) as database:
            variables = {
                **project.variables,
                "DATABASE_URL": database.url,
                "JOBS_IN_SERVER": "false",  # its polling would be counted, too
                "MAIL_IN_SERVER": "false",  # the same in the earlier version
                "PYTHONHASHSEED": "0",
            }
            before = count(project.python, earlier, BEFORE_APP, variables)
            now = count(project.python, project.folder, BUILD_APP, variables)
    rows = [[f"version {BEFORE}", f"{before:,.0f}"], ["this version", f"{now:,.0f}"]]
    goal = goals.at_least(f"admin list, times {BEFORE}", TIMES, before / now)
    page.report_section(
        "admin_list",
        f"{report.machine(load)}\n\n{report.table(['', 'thousands of instructions'], rows)}\n"
        f"{goals.write([goal], 'admin list, by instructions')}",
        write=options.write,
    )


if __name__ == "__main__":
    main()
