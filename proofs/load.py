"""Mixed load on a generated project while its database is disturbed.

    python3 fireup.py prove load [--minutes N] [--people N] [--database NAME] [--sabotage NAME]

Users create, change, search and delete rows in the API, as web pages and in the admin, sign in and
out, and close connections before the response. Meanwhile PostgreSQL is restarted, crashes, hangs,
locks tables, cancels statements and is migrated. Each answer is compared with a model of what it
must be: an acknowledged write may not be lost, a failed one may not be there, and a request that
writes two rows writes both or none. No request may fail without a disturbance, and none with 500.
The app may not open more connections than its pool has, leave one in a transaction, or log a
traceback other than of the first failure of an outage. On SQLite, a tenth of the time, without the
disturbances of PostgreSQL. `--sabotage half` commits halfway, `leak` leaks connections: to see that
the proof fails.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import fireup
from proofs.plan import Found, Plan
from proofs.scratch import add_keep, scratch_folder
from tests.serving import environment, run_in, running, started

HERE = Path(__file__).parent
POOL_SIZE = 5
PEOPLE = 30
MAX_SHOWN = 30
RESOURCE = ("Item", "title:str=200:unique:search", "body:text", "count:int")
SETTINGS = {
    "SECRET_KEY": "a key of the proof, which protects nothing",
    "AUTH_ACCESS_TOKEN_TTL": "8h",  # longer than a run
    "AUTH_REAUTHENTICATE_AFTER": "8h",
    "AUTH_REFRESH_GRACE": "300",  # longer than an outage: a retry must get the same tokens
    "AUTH_ARGON2_MEMORY_KIB": "8",
    "AUTH_IP_ATTEMPTS_PER_MINUTE": "1000000",
    "AUTH_LOGIN_ATTEMPTS": "1000000",
    "DATABASE_POOL_SIZE": str(POOL_SIZE),
    "DATABASE_POOL_TIMEOUT": "5",
    "DATABASE_LOCK_TIMEOUT": "1",
    "DATABASE_STATEMENT_TIMEOUT": "2",
}
_LINE = re.compile(r"\d{4}-\d\d-\d\dT\S+ (?P<level>[A-Z]+) (?P<name>\S+) (?P<text>.*)")
_EXPECTED = ("unavailable: ", "slow statement ", "the schema is newer than this release")
_SUSPICIOUS = re.compile(
    r"never awaited|non-checked-in|never retrieved|was destroyed|ResourceWarning|Exception ignored"
)


class Project:
    """A generated project with one resource, and a feature of the proof."""

    def __init__(self, folder: Path, feature: str = "pairs") -> None:
        self.scratch, self.folder = folder, fireup.generate(folder / "my_project", {})
        self.python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
        # A copy, because Python writes bytecode next to the modules.
        shutil.copytree(HERE, folder / HERE.name)
        path = f"{Path(self.python).parent}{os.pathsep}{os.environ['PATH']}"
        paths = f"{self.folder}{os.pathsep}{folder}"
        self.variables = {**environment(), **SETTINGS, "PATH": path, "PYTHONPATH": paths}
        self.run(self.variables, "new", "resource", *RESOURCE)
        shutil.copytree(HERE / feature, self.folder / "app" / "features" / feature)

    def run(self, variables: Mapping[str, str], *arguments: str) -> None:
        """Run a command of the project."""
        variables = {name: value for name, value in variables.items() if name != "PYTHONPATH"}
        done = run_in(self.folder, [self.python, "-m", "app", *arguments], **variables)
        assert done.returncode == 0, done.stdout

    def replace(self, path: Path, old: str, new: str) -> None:
        """Change a text in a file."""
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text, f"{path} has no {old!r}"
        (self.folder / path).write_text(text.replace(old, new), encoding="utf-8")

    @contextmanager
    def database(self, name: str, folder: Path) -> Iterator[tuple[str, str, str]]:
        """Yield the URLs for the app, for migrations, and of the server."""
        if name == "sqlite":
            url = f"sqlite+aiosqlite:///{folder / 'app.db'}"
            yield url, url, ""
            return
        command = [self.python, "-m", "proofs.postgres_inside"]
        with started(command, self.folder, PYTHONPATH=self.variables["PYTHONPATH"]) as url:
            yield url.replace("//test@", "//app@"), url, url


def prove(project: Project, name: str, seconds: float, people: int, sabotage: str = "") -> Found:
    """Run the proof on one database and return what was found."""
    folder = Path(tempfile.mkdtemp(dir=project.scratch, prefix=f"{name}-"))
    log, next_version = folder / "log", folder / "next"
    shutil.copytree(project.folder, next_version)
    with project.database(name, folder) as (app_url, url, server_url):
        project.run({**project.variables, "DATABASE_URL": url}, "db", "upgrade")
        variables = {**project.variables, "DATABASE_URL": app_url, "PROOF_SABOTAGE": sabotage}
        variables["PYTHONWARNINGS"] = "default::ResourceWarning"
        command = [project.python, "-m", "app", "serve"]
        with running(command, project.folder, log, variables) as server:
            plan = Plan(
                port=int(server.address.rpartition(":")[2]),
                pid=server.pid,
                url=url,
                server=server_url,
                next_version=str(next_version),
                seconds=seconds,
                people=people,
                pool_size=POOL_SIZE,
            )
            found = _run_inside(project, {**project.variables, "DATABASE_URL": url}, plan)
    found.faults += judge_log(log.read_text(errors="replace"))
    return found


def _run_inside(project: Project, variables: Mapping[str, str], plan: Plan) -> Found:
    command = [project.python, "-m", "proofs.load_inside", json.dumps(asdict(plan))]
    done = subprocess.run(
        command, cwd=project.folder, env=variables, check=True, stdout=subprocess.PIPE, text=True
    )
    return Found(**json.loads(done.stdout.splitlines()[-1]))


def judge_log(log: str) -> list[str]:
    """Return what the app may not have logged."""
    found, is_outage = [], False
    for line in log.splitlines():
        if match := _LINE.match(line):
            is_outage = match["text"].startswith("unavailable: ")
            if match["level"] not in {"DEBUG", "INFO"} and not match["text"].startswith(_EXPECTED):
                found.append(f"log: {line}")
        elif "Traceback" in line and not is_outage:
            found.append(f"log: a traceback: {line}")
        if _SUSPICIOUS.search(line):
            found.append(f"log: {line}")
    return found


def report(name: str, found: Found) -> str:
    """Format what was found."""
    lines = [f"{name}, {found.seconds / 60:.1f} minutes"]
    for key, value in asdict(found).items():
        if key not in {"seconds", "faults"} and value:
            shown = value
            if isinstance(value, dict):
                shown = ", ".join(f"{what} {number:,}" for what, number in value.items())
            lines.append(f"  {key.replace('_', ' ')}: {shown}")
    shown = [f"    {fault[:1500]}" for fault in found.faults[:MAX_SHOWN]]
    return "\n".join([*lines, f"  faults: {len(found.faults)}", *shown])


def main() -> None:
    """Run the proof; exit with 1 if there is a fault."""
    parser = argparse.ArgumentParser(prog="python3 fireup.py prove load")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--database", choices=["both", "postgresql", "sqlite"], default="both")
    parser.add_argument("--sabotage", choices=["", "half", "leak"], default="")
    add_keep(parser)
    options = parser.parse_args()
    wanted = {"postgresql": options.minutes, "sqlite": options.minutes / 10}
    faults = 0
    with scratch_folder(keep=options.keep) as scratch:
        project = Project(scratch)
        for name, minutes in wanted.items():
            if options.database in {"both", name}:
                found = prove(project, name, minutes * 60, options.people, options.sabotage)
                print(report(name, found), flush=True)
                faults += len(found.faults)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
