"""Cost of logins, their effect on other requests, and whether response times disclose accounts.

    python3 -m benchmarks.login [--rounds N] [--database URL]

Generates a project and serves it on 127.0.0.1 with one process and the default hashing cost.
Figures that are compared are measured in the same run, taking turns.
"""

import argparse
import http.client
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import fireup
from benchmarks.report import machine
from tests.serving import environment, running

INSIDE = Path(__file__).with_name("inside.py")
PASSWORD = "known to these people only"  # noqa: S105 - as in inside.py
PEOPLE = 50
CROWD = 200
PAUSE = 0.25  # so that work after a response, such as sending an email, doesn't delay the next one
SETTINGS = {
    "SECRET_KEY": "a key of the benchmark, which protects nothing",
    "AUTH_IP_ATTEMPTS_PER_MINUTE": "1000000",  # all requests come from one IP address
    "AUTH_LOGIN_ATTEMPTS": "1000000",
    "AUTH_EMAILS_PER_HOUR": "1000000",
    "LOG_LEVEL": "warning",
}

WRONG = {"password": "a wrong but long password"}
# Type of account, route, and the data sent along with the email address.
COMPARED: dict[str, tuple[str, str, dict[str, str]]] = {
    "sign-up": ("known", "register", {"password": "unlike any other 7 words"}),
    "resend": ("waiting", "verify-email/resend", {}),
    "login": ("known", "login", WRONG),
    "login, old hash": ("old", "login", WRONG),
    "forgot": ("known", "password/forgot", {}),
}


fresh = count()


class Response(NamedTuple):
    """A response and its duration in milliseconds."""

    status: int
    took: float
    headers: Message
    body: Any


class Project:
    """A project that is running."""

    def __init__(self, address: str, log: Path) -> None:
        self.netloc = urlsplit(address).netloc
        self.log = log
        self.used = {
            name: count() for name in COMPARED
        }  # each address once, because emails are limited

    def call(self, path: str, data: dict[str, str] | None = None) -> Response:
        """Send a request on a new connection, which is opened before the timer starts."""
        connection = http.client.HTTPConnection(self.netloc, timeout=120)
        connection.connect()
        started = time.perf_counter()
        headers = {"Content-Type": "application/json"} if data else {}
        body = json.dumps(data) if data else None
        connection.request("POST" if data else "GET", path, body, headers)
        response = connection.getresponse()
        text = response.read()
        took = (time.perf_counter() - started) * 1000
        connection.close()
        return Response(response.status, took, response.headers, json.loads(text or "null"))

    def log_in(self, email: str, password: str = PASSWORD) -> Response:
        """Try to sign in."""
        return self.call("/api/v1/auth/login", {"email": email, "password": password})

    def memory_mib(self) -> float:
        """Return the peak memory of the process."""
        pid = next(line for line in self.log.read_text().splitlines() if "server process [" in line)
        status = Path("/proc", pid.partition("[")[2].partition("]")[0], "status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextmanager
def served(folder: Path, database: str = "") -> Iterator[Project]:
    """Generate a project, create its users and serve it."""
    project = fireup.generate(folder / "my_project", {})
    python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
    variables = {**environment(), **SETTINGS, "PYTHONPATH": str(project)}
    variables |= {"DATABASE_URL": database} if database else {}
    subprocess.run([python, "-m", "app", "db", "upgrade"], cwd=project, env=variables, check=True)
    inside = [python, str(INSIDE)]
    subprocess.run([*inside, "prepare", str(PEOPLE)], cwd=project, env=variables, check=True)
    log = folder / "log"
    with running([*inside, "serve"], project, log, variables) as server:
        for number in range(5):  # warm-up
            Project(server.address, log).log_in(f"known-{number}@example.com")
        yield Project(server.address, log)


def compare(
    project: Project, rounds: int, names: Iterable[str] = COMPARED
) -> dict[str, tuple[list[float], list[float]]]:
    """Return the times for email addresses with and without an account, for each request compared.

    Addresses are used once; those with and without an account take turns.
    """
    found = {}
    for name in names:
        kind, path, data = COMPARED[name]
        used = project.used[name]
        times: dict[bool, list[float]] = {True: [], False: []}
        for number in range(rounds):
            for known in (True, False) if number % 2 else (False, True):
                address = f"{kind}-{next(used)}" if known else f"new-{next(fresh)}"
                response = project.call(
                    f"/api/v1/auth/{path}", {"email": f"{address}@example.com", **data}
                )
                assert response.status in {202, 401}, response
                times[known].append(response.took)
                time.sleep(PAUSE)
        found[name] = times[True], times[False]
    return found


def difference(known: float, unknown: float) -> float:
    """Return by how much the slower one is slower, as a fraction."""
    return max(known, unknown) / min(known, unknown) - 1


def hashes_of_a_login(project: Project, rounds: int) -> tuple[float, float]:
    """Return the medians of a login and of a password hash, taking turns."""
    logins, hashes = [], []
    for number in range(rounds):
        response = project.log_in(f"known-{number % PEOPLE}@example.com")
        assert response.status == 200, response
        logins.append(response.took)
        hashes.append(project.call("/watch?hash").body["hash_ms"])
    return median(logins), median(hashes)


class Crowded(NamedTuple):
    """Effect of concurrent logins on the event loop and on other requests."""

    idle: dict[str, float]
    busy: dict[str, float]
    health: list[float]
    logins: list[Response]


def log_all_in(project: Project) -> Crowded:
    """Sign in all users concurrently while another client calls the liveness probe."""
    project.call("/watch")
    time.sleep(2)
    idle = project.call("/watch").body
    with ThreadPoolExecutor(PEOPLE) as people:
        tries = [people.submit(project.log_in, f"known-{n}@example.com") for n in range(PEOPLE)]
        health = []
        while not all(one.done() for one in tries):
            health.append(project.call("/health/live").took)
            time.sleep(0.01)
        busy = project.call("/watch").body
    return Crowded(idle, busy, health, [one.result() for one in tries])


def crowd_in(project: Project) -> list[Response]:
    """Send more concurrent logins than the server accepts."""
    with ThreadPoolExecutor(CROWD) as people:
        return list(people.map(lambda n: project.log_in(f"nobody-{n}@example.com"), range(CROWD)))


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.login")
    parser.add_argument("--rounds", type=int, default=PEOPLE, choices=range(1, PEOPLE + 1))
    parser.add_argument(
        "--database", default="", help="database URL (default: SQLite in the project)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), options.database) as project:
        load = os.getloadavg()[0]
        login, one_hash = hashes_of_a_login(project, options.rounds)
        pairs = compare(project, options.rounds)
        crowded = log_all_in(project)
        before = project.memory_mib()
        crowd = crowd_in(project)
        after = project.memory_mib()
    rejected = [response for response in crowd if response.status == 503]
    lateness = crowded.busy["worst_ms"], crowded.idle["worst_ms"]
    print(f"\n{machine(load)}, {options.rounds} rounds\n")
    print("| what | measured | goal |\n|---|---|---|")
    print(
        f"| a login, in hashes | {login:.0f} ms / {one_hash:.0f} ms = {login / one_hash:.2f} | 1 |"
    )
    for name, times in pairs.items():
        known, unknown = map(median, times)
        figures = f"{known:.1f} / {unknown:.1f} ms, {difference(known, unknown):.1%} apart"
        print(f"| {name}: known / unknown address | {figures} | < 15 % |")
    print(
        f"| maximum event loop lag, {PEOPLE} concurrent logins / idle "
        f"| {lateness[0]:.1f} / {lateness[1]:.1f} ms = {lateness[0] / lateness[1]:.1f} | < 20 ms |"
    )
    print(f"| … longest unbroken computation | {crowded.busy['computed_ms']:.1f} ms | < 20 ms |")
    print(f"| … lag, 99th percentile | {crowded.busy['p99_ms']:.1f} ms | |")
    print(f"| slowest health check during these logins | {max(crowded.health):.1f} ms | < 100 ms |")
    print(f"| of {CROWD} concurrent logins, rejected with 503 | {len(rejected)} | > 0 |")
    print(f"| peak memory, before / after these logins | {before:.0f} / {after:.0f} MiB | |")


if __name__ == "__main__":
    main()
