"""Contestants: starting them, and the resources that their processes use."""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load import CLIENT_CORE, SERVER_CORE, on_cores
from benchmarks.workloads import EMAIL, HEALTH, HTML, PASSWORD, WORKLOADS, Workload
from tests.serving import Visitor, find_free_port

BASE_URL = "https://bench.example"
START_SECONDS = 60
_TICKS = os.sysconf("SC_CLK_TCK")
_CHILDREN_AND_OWN = slice(11, 15)  # utime to cstime, counted from the name: proc_pid_stat(5)


@dataclass(frozen=True)
class Contestant:
    """A stack and how it is served."""

    name: str
    command: Sequence[str]
    """Command that serves it on {port}."""
    folder: Path
    variables: Mapping[str, str]
    workers: int = 1
    workloads: Mapping[str, Workload] = field(default_factory=lambda: WORKLOADS)
    browser: bool = False
    """Whether its pages need a session cookie."""


class Server:
    """A contestant that is running."""

    def __init__(self, contestant: Contestant, process: subprocess.Popen[bytes], port: int) -> None:
        self.workloads = contestant.workloads
        self.browser = contestant.browser
        self.process = process
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self.cold_start = 0.0
        self.token = ""

    def ask(self, workload: Workload, number: int = 1) -> Any:  # noqa: ANN401 - any JSON
        """Send a request and return the JSON or text of the response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json", **workload.headers}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = json.dumps(workload.data) if workload.data else None
        connection.request(workload.method, workload.path.format(number), body, headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        assert response.status in {200, 201}, text
        is_json = "json" in response.headers["Content-Type"]
        return json.loads(text) if is_json else text.decode()

    def wait(self, started: float) -> None:
        """Wait for the first response and sign in."""
        while True:
            with suppress(OSError):
                self.ask(WORKLOADS[HEALTH])
                break
            assert self.process.poll() is None, "it did not start"
            assert time.perf_counter() - started < START_SECONDS, "it did not respond"
            time.sleep(0.005)
        self.cold_start = time.perf_counter() - started
        login = WORKLOADS["login"]
        self.token = self.ask(login._replace(data={**login.data, "email": EMAIL}))["access_token"]
        if self.browser:
            visitor = Visitor(self.address, BASE_URL)
            visitor.fill_in("/login", email=EMAIL, password=PASSWORD)
            cookies = "; ".join(f"{one.name}={one.value}" for one in visitor.cookies)
            page = self.workloads[HTML]._replace(headers={"Cookie": cookies})
            self.workloads = {**self.workloads, HTML: page}

    @property
    def is_running(self) -> bool:
        """Whether its process has not exited."""
        return self.process.poll() is None

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its processes."""
        return sum(sum(map(int, stat[_CHILDREN_AND_OWN])) for stat in self._stats()) / _TICKS

    def memory_mib(self) -> float:
        """Return the memory of its largest process."""
        pages = max(int(stat[21]) for stat in self._stats())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _stats(self) -> Iterator[list[str]]:
        """Yield the fields of /proc/PID/stat for each process, starting with its state."""
        for pid in family(self.process.pid):
            with suppress(OSError):  # the process ended
                yield Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


@contextmanager
def served(contestant: Contestant, logs: Path) -> Iterator[Server]:
    """Serve a contestant on its own core; with several processes, on all cores."""
    port = find_free_port()
    cores = (SERVER_CORE,) if contestant.workers == 1 else (SERVER_CORE, CLIENT_CORE)
    log = logs / f"{contestant.name}.log"
    with log.open("wb") as output, on_cores(*cores):
        started = time.perf_counter()
        process = subprocess.Popen(
            [word.format(port=port) for word in contestant.command],
            cwd=contestant.folder,
            env=dict(contestant.variables),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(contestant, process, port)
    try:
        server.wait(started)
        yield server
    except AssertionError as error:
        error.add_note(f"{contestant.name} printed:\n{log.read_text()[-3000:]}")
        raise
    finally:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, how)
                process.wait(timeout=10)
