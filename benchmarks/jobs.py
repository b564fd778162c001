"""Jobs of a generated project, procrastinate, pgqueuer, and taskiq with Redis, taking turns.

    python3 -m benchmarks.jobs [--only NAME,...] [--quick] [--write] [--database URL]

The same jobs run in each (`job_engines/`): with three worker processes of ten concurrent jobs, and
for SQLite in the process that enqueues them. The figures are the milliseconds that a job adds to a
transaction with one row; the jobs per second, 2,000 at once that do nothing; and the milliseconds
from the beginning of the commit to the start of a job, with idle workers. Then, without `--quick`,
workers are killed or cut off, with claims of three seconds: a worker is paused until another one
has its job and is halfway through it. This needs Debian's `redis-server`; the other packages are
locked in `job_engines/requirements.txt`.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import fireup
from benchmarks import chart, page
from benchmarks.report import command_line, machine, table
from benchmarks.stacks import OURS, Project
from tests.serving import find_free_port, started

HERE = Path(__file__).with_name("job_engines")
SQLITE = f"{OURS}, SQLite"
ENGINES = {
    OURS: "project",
    SQLITE: "project",
    "procrastinate": "procrastinate",
    "pgqueuer": "pgqueuer",
    "taskiq with Redis": "taskiq",
}
FIGURES = ("enqueue", "throughput", "latency")
CRASHES = {
    "dead": "worker killed: seconds until the job runs again",
    "killer": "job that kills its worker, 3 attempts: deaths",
    "fenced": "cut off, with a check at commit",
    "fenced, retried": "… and retries",
    "error, second killed": "cut off and fails; then the second dies",
    "error, retried, second killed": "… and retries",
    "plain, second killed": "cut off and succeeds; then the second dies",
}
LEASE = re.compile(r"^LEASE = timedelta\(seconds=30\)$", re.MULTILINE)
SHORT_LEASE, DEFAULT_LEASE = 3, 30
_number = count()


class Lab:
    """Servers, and the environments of the engines."""

    def __init__(self, scratch: Path, server: str, redis: str) -> None:
        self.scratch, self.server, self.redis = scratch, server, redis
        self.python = fireup.install(HERE / "requirements.txt")
        self.projects: dict[int, Project] = {}

    def run(self, name: str, trial: str, lease: int) -> dict[str, Any]:
        """Run a trial of an engine on a new database."""
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        url = f"sqlite+aiosqlite:///{folder / 'app.db'}" if name == SQLITE else self._new_database()
        options = {"url": url, "redis": self.redis, "folder": str(folder), "lease": lease}
        engine = ENGINES[name]
        python, variables = self.python, {**os.environ, "PYTHONPATH": str(fireup.TEMPLATE)}
        where = fireup.TEMPLATE
        if engine == "project":
            project = self._project(lease)
            python, variables, where = project.python, project.inside_variables, project.folder
        command = [python, "-B", "-m", "benchmarks.job_engines.trials"]
        flush = [find_command("redis-cli"), "-u", self.redis, "flushall"]
        subprocess.run(flush, check=True, capture_output=True)
        done = subprocess.run(
            [*command, engine, json.dumps(options), trial],
            cwd=where,
            env=variables,
            check=False,
            stdout=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            with suppress(OSError):
                print((folder / "log").read_text()[-3000:])
            return {}
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        print(f"{name}, {trial}: {found}", flush=True)
        return found

    def _new_database(self) -> str:
        name = f"jobs{next(_number)}_{int(time.time())}"
        create = (
            "import asyncio, asyncpg, sys\n"
            "async def create():\n"
            "    connection = await asyncpg.connect(sys.argv[1])\n"
            "    await connection.execute(f'CREATE DATABASE {sys.argv[2]}')\n"
            "asyncio.run(create())\n"
        )
        subprocess.run([self.python, "-c", create, self.server, name], check=True)
        return f"{self.server.rpartition('/')[0]}/{name}"

    def _project(self, lease: int) -> Project:
        """Return a project with this lease, ten concurrent jobs, and a pool that suffices."""
        if lease not in self.projects:
            project = Project(Path(tempfile.mkdtemp(dir=self.scratch)))
            module = project.folder / "app" / "jobs" / "job_queue.py"
            text = module.read_text(encoding="utf-8")
            assert LEASE.search(text)
            short = LEASE.sub(f"LEASE = timedelta(seconds={lease})", text)
            module.write_text(short, encoding="utf-8")
            limits = {"JOBS_CONCURRENCY": "10", "DATABASE_POOL_SIZE": "12"}
            project.inside_variables |= limits
            self.projects[lease] = project
        return self.projects[lease]


def find_command(name: str) -> str:
    """Return the path of a command of Redis."""
    found = shutil.which(name)
    assert found, f"{name} is not installed: on Debian, apt install redis-server"
    return found


@contextmanager
def laboratory(server: str) -> Iterator[Lab]:
    """Start PostgreSQL, unless there is a server, and Redis."""
    port = find_free_port()
    address = ["--bind", "127.0.0.1", "--port", str(port)]
    command = [find_command("redis-server"), *address, "--save", ""]
    python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
    paths = f"{fireup.PROJECT}{os.pathsep}{fireup.TEMPLATE}"
    with tempfile.TemporaryDirectory() as scratch:
        redis = subprocess.Popen(command, cwd=scratch, stdout=subprocess.DEVNULL)
        try:
            inside = [python, "-B", "-m", "proofs.postgres_inside"]
            with started(inside, fireup.PROJECT, PYTHONPATH=paths) as own:
                yield Lab(Path(scratch), server or own, f"redis://127.0.0.1:{port}")
        finally:
            redis.terminate()
            redis.wait()


def figures(found: Mapping[str, Mapping[str, dict[str, Any]]]) -> str:
    """Return the table of the figures."""
    rows = []
    for name, trials in found.items():
        enqueue, throughput, latency = (trials.get(trial) or {} for trial in FIGURES)
        rows.append(
            [
                name,
                f"{enqueue['cost_ms']:.2f}" if enqueue else "",
                f"{throughput['jobs_per_second']:,.0f}" if throughput else "",
                f"{latency['p50_ms']:.0f} / {latency['p99_ms']:.0f}" if latency else "",
            ]
        )
    head = ["", "ms to enqueue", "jobs a second", "ms to the start, p50 / p99"]
    return table(head, rows)


def crashes(found: Mapping[str, Mapping[str, dict[str, Any]]]) -> str:
    """Return the table of what becomes of a job, one column per engine."""
    names = [name for name, trials in found.items() if set(trials) & set(CRASHES)]
    rows = [
        [what, *(_outcome(trial, found[name].get(trial) or {}) for name in names)]
        for trial, what in CRASHES.items()
    ]
    return table(["", *names], rows)


def _outcome(trial: str, found: Mapping[str, Any]) -> str:
    if not found:
        return "–"  # noqa: RUF001 - a dash
    if trial == "dead":
        after = found["again_after_s"]
        return f"{after:.0f}" if after is not None else "never"
    if trial == "killer":
        return f"{found['deaths']}, then {found['state']}"
    rows = {0: "**lost**", 1: "done"}.get(found["rows"], f"done {found['rows']} times")
    return f"{rows} ({found['state']})"


def main() -> None:
    """Measure and print two Markdown tables."""
    parser = command_line("jobs")
    parser.add_argument("--only", default="", help="parts of engines' names, comma-separated")
    parser.add_argument("--quick", action="store_true", help="only the figures, no crashes")
    options = parser.parse_args()
    names = [
        name
        for name in ENGINES
        if not options.only or any(part in name for part in options.only.split(","))
    ]
    load = os.getloadavg()[0]
    found: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in names}
    with laboratory(options.database) as lab:
        for trial in FIGURES:
            for name in names:
                found[name][trial] = lab.run(name, trial, DEFAULT_LEASE)
        for trial in () if options.quick else CRASHES:
            for name in names:
                if name != SQLITE:
                    found[name][trial] = lab.run(name, trial, SHORT_LEASE)
    rates = {name: trials["throughput"].get("jobs_per_second", 0) for name, trials in found.items()}
    text = f"{machine(load)}\n\n{figures(found)}"
    if not options.quick:
        text += f"\n{crashes(found)}"
    if options.write:
        page.write_picture("jobs.svg", chart.draw({"jobs a second": rates}, OURS))
        text = f"![Jobs a second](images/jobs.svg)\n\n{text}"
    page.report_section("jobs", text, write=options.write)


if __name__ == "__main__":
    main()
