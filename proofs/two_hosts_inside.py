"""Run by tests/test_two_hosts.py with a project's packages: two hosts, a primary and its replica.

The hosts are network namespaces. One after the other fails. Prints a `Found` as JSON.
"""

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.postgres import running_postgres, running_replica  # type: ignore[import-not-found]

from proofs.database import Server, until
from proofs.fleet import Process
from proofs.networks import HERE, PREFIX, ROUTE, Network, network

EMAIL, PASSWORD = "admin@example.com", "a password of two hosts"
NOTES = "/api/v1/notes"
PORT = 8000
PATIENCE_SECONDS = 60
CUT_OFF_SECONDS = 3
"""How long to wait for a host that can't answer."""


@dataclass
class Found:
    """What clients saw: how often each status, in each part."""

    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """Titles of notes that were confirmed, but are not there."""


class Host:
    """An app in a namespace, and a client of it."""

    def __init__(self, number: int, wires: Network, folder: Path) -> None:
        self.address = f"http://{PREFIX}.{number + 2}:{PORT}"
        log = folder / f"host-{number}"
        command = ["serve", "--host", "0.0.0.0", "--port", str(PORT)]  # noqa: S104 - in a namespace
        self.process = Process(f"host {number}", log, command, *wires.inside(number))
        self.token, self.timeout = "", PATIENCE_SECONDS
        self.confirmed: list[str] = []

    async def ask(self, path: str, data: dict[str, Any] | None = None) -> tuple[str, Any]:
        """Send a request and return its status and its content, or `no answer`."""
        return await asyncio.to_thread(self._ask, path, data)

    def _ask(self, path: str, data: dict[str, Any] | None) -> tuple[str, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.address + path, body, headers)  # noqa: S310 - http
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:  # noqa: S310
                return str(response.status), json.load(response)
        except urllib.error.HTTPError as error:
            return str(error.code), None
        except OSError:
            return "no answer", None

    async def answers(self, path: str) -> bool:
        """Return whether a path is served."""
        return (await self.ask(path))[0] == "200"

    async def add(self) -> str:
        """Add a note and return the status."""
        title = f"{self.address} {len(self.confirmed)} {os.urandom(4).hex()}"
        status, _ = await self.ask(NOTES, {"title": title})
        if status == "201":
            self.confirmed.append(title)
        return status


class Run:
    """The servers, the hosts, and what was found."""

    def __init__(self, primary: Server, replica: Server, wires: Network, hosts: list[Host]) -> None:
        self.primary, self.replica, self.wires, self.hosts = primary, replica, wires, hosts
        self.found = Found()

    async def run(self) -> Found:
        """Let one thing after the other fail."""
        for host in self.hosts:
            if not await until(lambda host=host: host.answers("/health/ready"), PATIENCE_SECONDS):
                raise RuntimeError(f"{host.address} doesn't start")
            _, tokens = await host.ask("/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
            host.token = tokens["access_token"]
        await self._count("everything runs")
        await self.replica.stop("fast")
        await self._count("the replica is stopped")
        await self.replica.start()
        await self._until_all_answer()
        restart = asyncio.create_task(self._restart())
        await self._count("the primary restarts", restart.done)
        await restart
        await self._until_all_answer()
        self.wires.cut(1)
        self.hosts[1].timeout = CUT_OFF_SECONDS
        await self._count("host 1 is cut off")
        self.wires.mend(1)
        self.hosts[1].timeout = PATIENCE_SECONDS
        await self._until_all_answer()
        await self._count("everything runs again")
        stored = {row["title"] for row in await self.primary.run("SELECT title FROM notes")}
        confirmed = [title for host in self.hosts for title in host.confirmed]
        self.found.lost = [title for title in confirmed if title not in stored]
        return self.found

    async def _count(self, part: str, is_over: Callable[[], bool] = lambda: True) -> None:
        """Add notes to the primary and list those of the replica, at least ten times."""
        found = self.found.statuses.setdefault(part, Counter())
        turns = 0
        while turns < 10 or not is_over():
            turns += 1
            for number, host in enumerate(self.hosts):
                if part == "host 1 is cut off" and number == 1 and turns > 1:
                    continue
                added, (listed, _) = await host.add(), await host.ask(NOTES)
                found[f"host {number} added {added}"] += 1
                found[f"host {number} listed {listed}"] += 1

    async def _restart(self) -> None:
        await self.primary.stop("fast")
        await self.primary.start()

    async def _until_all_answer(self) -> None:
        for host in self.hosts:
            if not await until(lambda host=host: self._works(host), PATIENCE_SECONDS):
                raise RuntimeError(f"{host.address} doesn't recover")

    async def _works(self, host: Host) -> bool:
        return await host.answers(NOTES) and await host.add() == "201"


class Reachable(Server):
    """A server that listens to the network."""

    async def start(self, *more: str) -> None:
        """Start it."""
        await super().start("-c", "listen_addresses=*", *more)


async def admit(url: str) -> Reachable:
    """Let a server listen to the network."""
    server = Reachable(url)
    await server.learn_command()
    rules = Path((await server.run("SHOW hba_file"))[0][0])
    await asyncio.to_thread(_append, rules, f"host all all {ROUTE} trust\n")
    await server.stop("fast")
    await server.start()
    return server


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


async def main(url: str, replica_url: str, folder: Path) -> Found:
    """Set the project up and run it."""
    primary, replica = await admit(url), await admit(replica_url)
    os.environ["DATABASE_URL"] = url.replace("127.0.0.1", HERE)
    os.environ["DATABASE_READ_URL"] = replica_url.replace("127.0.0.1", HERE)
    hosts: list[Host] = []
    with network(2) as wires:
        admin = f"users create-admin --email {EMAIL} --password-stdin"
        for line, text in (("db upgrade", ""), (admin, PASSWORD)):
            command = [sys.executable, "-B", "-m", "app", *line.split()]
            subprocess.run(command, check=True, input=text, text=True, stdout=sys.stderr)  # noqa: ASYNC221
        try:
            hosts += [Host(number, wires, folder) for number in range(2)]
            return await Run(primary, replica, wires, hosts).run()
        finally:
            for host in hosts:
                host.process.kill()


if __name__ == "__main__":
    with running_postgres() as url, running_replica(url) as replica_url:
        found = asyncio.run(main(url, replica_url, Path(sys.argv[1])))
        print(json.dumps(vars(found)))
