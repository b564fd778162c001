"""Backups of a generated project while clients write, restored and compared with what they know.

    python3 fireup.py prove backup [--rounds N] [--database NAME]

Clients create, change and delete rows one after the other, and replace a picture. In each round, a
backup is taken meanwhile, encrypted, and restored into an empty database and directory. For each
client, what is restored must be the state after some of its requests: at least those that were
acknowledged before the backup began, and none that was sent after it ended. It is of one moment: a
request that was acknowledged before another client sent one that is in the backup is in it too.
Each picture must be whole. Then a backup is killed, which may leave no file under its name; and a
restore over the database of the round before, which must be the one or the other afterwards.
"""

import argparse
import http.client
import json
import secrets
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from proofs.load import Project
from proofs.scratch import add_keep, scratch_folder
from tests.serving import Visitor, running

CLIENTS = 6
EMAIL, PASSWORD = "backup@example.com", "a password of the proof of backups"
WARM_UP_REQUESTS = 30
KILL_MILLISECONDS = 1500


Contents: TypeAlias = dict[str, Any]


@dataclass
class Request:
    """One request of a client, and when it was sent and acknowledged."""

    title: str
    count: int | None
    """The value of the row after it; None if it is deleted."""
    sent: float = field(default_factory=time.monotonic)
    acknowledged: float = float("inf")


class Client(threading.Thread):
    """Sends requests one after the other, and remembers them."""

    def __init__(self, number: int, address: str, token: str) -> None:
        super().__init__(daemon=True)
        self.number, self.requests, self.is_stopping = number, list[Request](), threading.Event()
        self.fault = ""
        self._host, self._token = address.removeprefix("http://"), token
        self._ids: dict[int, str] = {}

    def run(self) -> None:
        """Create, change and delete rows until stopped."""
        number = 0
        try:
            with closing(http.client.HTTPConnection(self._host, timeout=60)) as connection:
                while not self.is_stopping.is_set():
                    self._write(connection, number)
                    number += 1
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.fault = f"client {self.number}: {error!r}"

    def _write(self, connection: http.client.HTTPConnection, number: int) -> None:
        title = f"{self.number}-{number}"
        row = {"title": title, "body": "x" * 1000, "count": 0}
        self._ids[number] = self._send(connection, "POST", "", Request(title, 0), row)["id"]
        self._send(connection, "PATCH", f"/{self._ids[number]}", Request(title, 1), {"count": 1})
        if number % 3 == 2:
            gone = self._ids.pop(number - 2)
            self._send(
                connection, "DELETE", f"/{gone}", Request(f"{self.number}-{number - 2}", None)
            )
        if self.number == 0:  # all clients are the same user
            self._replace_picture(connection)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        request: Request,
        body: Mapping[str, object] | None = None,
    ) -> Contents:
        self.requests.append(request)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection.request(
            method, f"/api/v1/items{path}", json.dumps(body) if body else None, headers
        )
        answer = _read(connection)
        request.acknowledged = time.monotonic()
        return answer

    def _replace_picture(self, connection: http.client.HTTPConnection) -> None:
        kind = "multipart/form-data; boundary=limit"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        name = b'form-data; name="picture"; filename="picture.png"'
        start = b"--limit\r\nContent-Disposition: " + name + b"\r\n\r\n"
        body = start + _picture() + b"\r\n--limit--\r\n"
        connection.request("PUT", "/api/v1/users/me/picture", body, headers)
        _read(connection)


def _read(connection: http.client.HTTPConnection) -> Contents:
    response = connection.getresponse()
    content = response.read()
    if response.status >= 300:
        raise ValueError(f"{response.status}: {content[:300]!r}")
    found: Contents = json.loads(content) if content else {}
    return found


def _picture() -> bytes:
    """Return a PNG of one random color. https://www.w3.org/TR/png-3/#5DataRep."""
    color, side = secrets.token_bytes(3), 64
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress((b"\0" + color * side) * side),
        b"IEND": b"",
    }
    checked = ((name + data, len(data)) for name, data in chunks.items())
    parts = (
        struct.pack(">I", n) + data + struct.pack(">I", zlib.crc32(data)) for data, n in checked
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def judge(clients: list[Client], items: dict[str, int], began: float, ended: float) -> list[str]:
    """Return what a backup, taken between two moments, may not contain."""
    faults, included = [], {}
    for client in clients:
        own = {title: n for title, n in items.items() if title.startswith(f"{client.number}-")}
        known = list(client.requests)
        at_least = sum(request.acknowledged < began for request in known)
        at_most = sum(request.sent < ended for request in known)
        state: dict[str, int] = {}
        for number in range(at_most + 1):
            if number >= at_least and state == own:
                included[client] = known[:number]
                break
            if number < at_most:
                _apply(known[number], state)
        else:
            faults.append(f"client {client.number}: a state that it never had")
    latest = max((done[-1].sent for done in included.values() if done), default=began)
    for client, done in included.items():
        if any(request.acknowledged < latest for request in client.requests[len(done) :]):
            faults.append(f"client {client.number}: the backup isn't of one moment")
    return faults


def _apply(request: Request, state: dict[str, int]) -> None:
    if request.count is None:
        del state[request.title]
    else:
        state[request.title] = request.count


class Proof:
    """A project that is served, and its backups."""

    def __init__(self, project: Project, database: str, folder: Path) -> None:
        self.project, self.database, self.folder = project, database, folder
        self.variables: dict[str, str] = {}
        self.server_url, self.key = "", folder / "key"
        self.found: dict[str, Any] = {"backups": 0, "killed backups": 0, "killed restores": 0}
        self.faults: list[str] = []

    def run(self, rounds: int) -> None:
        """Serve the project, and take and restore backups while clients write."""
        with ExitStack() as stack:
            url, _, self.server_url = stack.enter_context(
                self.project.database(self.database, self.folder)
            )
            uploads = self.folder / "uploads"
            self.variables = {
                **self.project.variables,
                "DATABASE_URL": url,
                "FILES_URL": f"file:{uploads}",
            }
            self._app("db", "upgrade")
            self._app(
                *("users", "create-admin", "--email", EMAIL, "--password-stdin"), input=PASSWORD
            )
            public = self._app("backup-key", str(self.key)).split()[-1]
            self.variables["BACKUP_RECIPIENTS"] = public
            command = [self.project.python, "-m", "app", "serve"]
            log = self.folder / "log"
            server = stack.enter_context(running(command, self.project.folder, log, self.variables))
            login = {"email": EMAIL, "password": PASSWORD}
            answer = Visitor(server.address).post_json("/api/v1/auth/login", login)
            token = answer.body["access_token"]
            clients = [Client(number, server.address, token) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            while any(len(c.requests) < WARM_UP_REQUESTS and c.is_alive() for c in clients):
                time.sleep(0.05)
            before: tuple[dict[str, str], Contents] | None = None
            for number in range(rounds):
                before = self._round(number, clients, before)
            for client in clients:
                client.is_stopping.set()
            for client in clients:
                client.join()
                self.faults += filter(None, [client.fault])
            self.found["requests"] = sum(len(client.requests) for client in clients)

    def _round(
        self, number: int, clients: list[Client], before: tuple[dict[str, str], Contents] | None
    ) -> tuple[dict[str, str], Contents]:
        target = self.folder / f"{number}.age"
        began = time.monotonic()
        self._app("backup", str(target))
        ended = time.monotonic()
        place = self._place(number)
        self._app("restore", str(target), "--identity", str(self.key), **place)
        contents = self._contents(place)
        self.faults += [f"round {number}: {fault}" for fault in contents["faults"]]
        found = judge(clients, contents["items"], began, ended)
        self.faults += [f"round {number}: {fault}" for fault in found]
        self.found["backups"] += 1
        self.found["rows"] = len(contents["items"])
        self._kill_backup(self.folder / f"{number}-killed.age")
        if before:
            self._kill_restore(number, target, *before, contents)
        return place, contents

    def _kill_backup(self, target: Path) -> None:
        if self._killed("backup", str(target)):
            self.found["killed backups"] += 1
        if target.exists():  # killed after its end
            creator = {"DATABASE_URL": self.server_url or self.variables["DATABASE_URL"]}
            self._app("restore", str(target), "--identity", str(self.key), "--verify", **creator)

    def _kill_restore(
        self, number: int, target: Path, place: dict[str, str], old: Contents, new: Contents
    ) -> None:
        words = ("restore", str(target), "--identity", str(self.key), "--replace")
        self.found["killed restores"] += self._killed(*words, **place)
        if self._contents(place)["items"] not in (old["items"], new["items"]):
            self.faults.append(f"round {number}: a killed restore left another state")

    def _place(self, number: int) -> dict[str, str]:
        """Return the settings of an empty database and directory."""
        name = f"restored_{number}"
        url = f"sqlite:///{self.folder / name}.db"
        if self.server_url:
            self._inside("create", self.server_url, name)
            url = f"{self.server_url.rpartition('/')[0]}/{name}"
        return {"DATABASE_URL": url, "FILES_URL": f"file:{self.folder / name}"}

    def _contents(self, place: dict[str, str]) -> Contents:
        """Return what is in a database and its directory."""
        printed = self._inside("contents", place["DATABASE_URL"], place["FILES_URL"])
        found: Contents = json.loads(printed)
        return found

    def _inside(self, *arguments: str) -> str:
        return self._run("-m", "proofs.backup_inside", *arguments, **self.variables)

    def _app(self, *arguments: str, input: str = "", **variables: str) -> str:  # noqa: A002
        return self._run("-m", "app", *arguments, text=input, **{**self.variables, **variables})

    def _run(self, *arguments: str, text: str = "", **variables: str) -> str:
        done = subprocess.run(
            [self.project.python, *arguments],
            cwd=self.project.folder,
            env=variables,
            check=False,
            input=text,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{arguments} {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def _killed(self, *arguments: str, **variables: str) -> bool:
        """Kill a command at a random moment; return whether it was still running."""
        process = subprocess.Popen(
            [self.project.python, "-m", "app", *arguments],
            cwd=self.project.folder,
            env={**self.variables, **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(0.3 + secrets.randbelow(KILL_MILLISECONDS) / 1000)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return True
        return False


def prove(project: Project, database: str, rounds: int) -> Proof:
    """Run the proof on one database and return what was found."""
    folder = project.scratch / f"backup-{database}"
    folder.mkdir()
    proof = Proof(project, database, folder)
    proof.run(rounds)
    return proof


def main() -> None:
    """Run the proof; exit with 1 if there is a fault."""
    parser = argparse.ArgumentParser(prog="python3 fireup.py prove backup")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--database", choices=["both", "postgresql", "sqlite"], default="both")
    add_keep(parser)
    options = parser.parse_args()
    faults: list[str] = []
    with scratch_folder(keep=options.keep) as scratch:
        project = Project(scratch)
        for name in ("sqlite", "postgresql"):
            if options.database in {"both", name}:
                began = time.monotonic()
                proof = prove(project, name, options.rounds)
                what = ", ".join(f"{key} {value:,}" for key, value in proof.found.items())
                print(f"{name}, {(time.monotonic() - began) / 60:.1f} minutes: {what}", flush=True)
                print("\n".join(proof.faults) or "  no faults", flush=True)
                faults += proof.faults
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
