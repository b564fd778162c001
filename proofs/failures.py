"""Failures of everything that a generated project runs on, among active clients.

    python3 fireup.py prove failures [--only NAME …] [--write] [--sabotage NAME]

A new project is served by two processes, with PostgreSQL or SQLite, a mail server and jobs. Clients
write and read notes, sign up, and enqueue jobs while something fails: the database, a disk, a
process, the clock, what is between. Of each failure are checked: nothing that was acknowledged is
lost; each email is sent, each job has run; no status was seen but those that its row allows, never
500; the log has no traceback per request; and all clients are served again, without a restart
unless a process was ended. `--list` shows the names. `--write` writes the rows of
docs/operations.md. It needs root, for full disks. `--sabotage early` commits before a request
fails, `lost` deletes a note: to see that the proof fails.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import fireup
from proofs.failing.failure import SUCCESSES
from proofs.jobs import build
from proofs.load import Project
from proofs.scratch import add_keep, scratch_folder

PAGE = fireup.TEMPLATE / "docs" / "operations.md"
MARKS = ("<!-- written by `prove failures` -->", "<!-- end -->")
HEAD = (
    "| failure | here caused by | clients saw | longest response | back after | what to do |",
    "|---|---|---|---:|---:|---|",
)
MAIL_RETRY = ("retry_delays=RETRY_DELAYS", "retry_delays=[timedelta(seconds=2)]")
MAX_SHOWN = 12
MOTO = fireup.TEMPLATE / "tests" / "s3" / "requirements.txt"
STORE = "file-store-away"
Found = dict[str, Any]


def build_project(scratch: Path) -> Project:
    """Generate a project that gives workers up, and repeats emails, after seconds."""
    project = build(scratch)
    project.replace(Path("app", "mail", "jobs.py"), *MAIL_RETRY)
    return project


def list_failures() -> list[Found]:
    """Return name, slug, cause and remedy of each."""
    python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
    command = [python, "-B", "-m", "proofs.failing.catalog"]
    done = subprocess.run(command, cwd=fireup.TEMPLATE, check=True, stdout=subprocess.PIPE)
    found: list[Found] = json.loads(done.stdout)
    return found


def prove(project: Project, slugs: Sequence[str] = (), sabotage: str = "") -> Iterator[Found]:
    """Cause failures, all or those; yield what was found of each."""
    folder = Path(tempfile.mkdtemp(dir=project.scratch, prefix="scenes-"))
    for one in (folder, project.scratch):
        one.chmod(0o755)  # PostgreSQL and PgBouncer run as another user
    plan = {
        "folder": str(folder),
        "model": str(folder / "model.db"),
        "server": "",
        "project": str(project.folder),
        "slugs": list(slugs),
        "moto_python": "" if slugs and STORE not in slugs else fireup.install(MOTO),
        "sabotage": sabotage,
    }
    command = [project.python, "-B", "-m", "proofs.failures_inside", json.dumps(plan)]
    with subprocess.Popen(
        command, cwd=project.folder, env=project.variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise RuntimeError("the proof itself failed")


def row(found: Mapping[str, Any]) -> str:
    """Return the row of a table."""
    served_statuses = {str(status) for status in SUCCESSES}
    served = sum(found["statuses"].get(name, 0) for name in served_statuses)
    others = {
        name: number for name, number in found["statuses"].items() if name not in served_statuses
    }
    statuses = ", ".join(
        f"{number:,} with {name}" if name.isdigit() else f"{number:,} {name}"
        for name, number in {**({"served": served} if served else {}), **others}.items()
    )
    longest, recovery = (
        f"{found[name]:.1f} s" if found["statuses"] else "" for name in ("longest", "recovery")
    )
    cells = [
        found["name"],
        found["cause"],
        statuses if found["statuses"] else "",
        longest,
        recovery,
        found["remedy"],
    ]
    return f"| {' | '.join(cells)} |"


def read_rows(text: str) -> dict[str, str]:
    """Return the rows of the table by the name of the failure."""
    table = text.partition(MARKS[0])[2].partition(MARKS[1])[0]
    rows = re.findall(r"^\| (?!failure \|)([^|]+) \|.*$", table, re.MULTILINE)
    lines = re.findall(r"^\| (?!failure \|)[^|]+ \|.*$", table, re.MULTILINE)
    return dict(zip(rows, lines, strict=True))


def write_table(listed: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of what was found; other rows are kept."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    rows = read_rows(text) | {one["name"]: row(one) for one in found}
    lines = [rows[one["name"]] for one in listed if one["name"] in rows]
    dated = f"Latest run: {date.today():%Y-%m-%d}."  # noqa: DTZ011 - where it runs
    table = "\n".join([MARKS[0], "", dated, "", *HEAD, *lines, "", MARKS[1]])
    PAGE.write_text(before + table + after, encoding="utf-8")


def report(found: Mapping[str, Any]) -> str:
    """Format what was found."""
    statuses = ", ".join(f"{name} {number}" for name, number in found["statuses"].items())
    head = f"{found['name']} ({found['seconds']:.0f} s): {statuses}"
    head += f"; longest {found['longest']:.1f} s, served again after {found['recovery']:.1f} s"
    return "\n".join(
        [head, *(f"    FAULT {fault[-1500:]}" for fault in found["faults"][:MAX_SHOWN])]
    )


def main() -> None:
    """Run the proof; exit with 1 if there is a fault."""
    parser = argparse.ArgumentParser(prog="python3 fireup.py prove failures")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--list", action="store_true", help="show the names")
    parser.add_argument("--write", action="store_true", help="write the rows of the table")
    parser.add_argument("--sabotage", choices=["", "early", "lost"], default="")
    add_keep(parser)
    options = parser.parse_args()
    listed = list_failures()
    names = [one["slug"] for one in listed]
    if options.list:
        print("\n".join(names))
        return
    if unknown := set(options.only) - set(names):
        sys.exit(f"Unknown failures: {', '.join(unknown)}. `--list` shows their names.")
    outcomes = []
    with scratch_folder(keep=options.keep) as scratch:
        for found in prove(build_project(scratch), options.only, options.sabotage):
            print(report(found), flush=True)
            outcomes.append(found)
    if options.write:
        write_table(listed, outcomes)
    faults = sum(len(found["faults"]) for found in outcomes)
    print(f"{len(outcomes)} failures, {faults} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
