"""Jobs of a generated project while everything that runs them is killed.

    python3 fireup.py prove jobs [--rounds N] [--database NAME] [--sabotage early]

Clients enqueue jobs by requests, some of which fail afterwards and so roll back. Meanwhile the
server, workers and PostgreSQL are killed by SIGKILL at random moments, jobs kill their worker, and
all processes are restarted as in a deploy. In the end, every job of a committed request must have
run to its end, none of a rolled-back one; a job with a cursor must have written each step once; and
a job that kills its worker must have failed. Then three workers in three network namespaces share
one PostgreSQL, and one is cut off while it runs jobs: these must go on elsewhere, and what it
commits may not count. This part needs root. `--sabotage early` commits before a request fails: to
see that the proof fails.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from proofs.load import MAX_SHOWN, Project
from proofs.scratch import add_keep, scratch_folder
from tests.serving import find_free_port

LEASE, SHORT_LEASE = "LEASE = timedelta(seconds=30)", "LEASE = timedelta(seconds=3)"
PARTS = ("sqlite", "postgresql", "network")
ROUNDS = 100


def build(scratch: Path) -> Project:
    """Generate a project whose workers are given up after three seconds."""
    project = Project(scratch, "walks")
    project.replace(Path("app", "jobs", "job_queue.py"), LEASE, SHORT_LEASE)
    return project


def prove(project: Project, name: str, rounds: int, sabotage: str = "") -> dict[str, Any]:
    """Run a part and return what was found."""
    folder = Path(tempfile.mkdtemp(dir=project.scratch, prefix=f"{name}-"))
    database = "sqlite" if name == "sqlite" else "postgresql"
    with project.database(database, folder) as (_, owner, server):
        url = owner.replace("postgresql://", "postgresql+asyncpg://")
        variables = {**project.variables, "DATABASE_URL": url, "PROOF_SABOTAGE": sabotage}
        variables |= {"DATABASE_LOCK_TIMEOUT": "5", "DATABASE_STATEMENT_TIMEOUT": "10"}
        project.run(variables, "db", "upgrade")
        plan: dict[str, str | int] = {"url": url, "server": server, "folder": str(folder)}
        if name != "network":
            plan |= {"port": find_free_port(), "rounds": rounds}
        module = "proofs.cut_off_inside" if name == "network" else "proofs.jobs_inside"
        command = [project.python, "-m", module, json.dumps(plan)]
        done = subprocess.run(
            command, cwd=project.folder, env=variables, check=True, stdout=subprocess.PIPE
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(name: str, found: dict[str, Any]) -> str:
    """Format what was found."""
    lines = [f"{name}, {found['seconds']:.0f} seconds"]
    for key, value in found.items():
        if key not in {"seconds", "faults"}:
            shown = value
            if isinstance(value, dict):
                shown = ", ".join(f"{what} {number:,}" for what, number in value.items())
            lines.append(f"  {key.replace('_', ' ')}: {shown}")
    shown = [f"    {fault[:500]}" for fault in found["faults"][:MAX_SHOWN]]
    return "\n".join([*lines, f"  faults: {len(found['faults'])}", *shown])


def main() -> None:
    """Run the proof; exit with 1 if there is a fault."""
    parser = argparse.ArgumentParser(prog="python3 fireup.py prove jobs")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=PARTS, default="")
    parser.add_argument("--sabotage", choices=["", "early"], default="")
    add_keep(parser)
    options = parser.parse_args()
    faults = 0
    with scratch_folder(keep=options.keep) as scratch:
        project = build(scratch)
        for name in PARTS:
            if options.only not in {"", name}:
                continue
            if name == "network" and os.geteuid() != 0:
                print("network: skipped, because it needs root")
                continue
            found = prove(project, name, options.rounds, options.sabotage)
            print(report(name, found), flush=True)
            faults += len(found["faults"])
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
