"""What can stand between the app and its data: PgBouncer, Redis, a relay."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from proofs.client import Client, Request

PGBOUNCER = """
[databases]
{database} = host=127.0.0.1 port={server} user=app
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
"""
NewPort: TypeAlias = Callable[[], int]


class Program:
    """A server program on a port."""

    def __init__(self, port: int, command: Sequence[object]) -> None:
        self.port, self._command = port, command
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        null = subprocess.DEVNULL
        self._process = subprocess.Popen([*map(str, self._command)], stdout=null, stderr=null)  # noqa: ASYNC220
        for _ in range(600):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"{self._command} does not start")

    async def stop(self) -> None:
        """Kill it: connections are reset, later ones refused."""
        if self._process:
            self._process.kill()
            self._process.wait()


class Relay:
    """Passes connections on to a port, as a load balancer or a virtual address does."""

    def __init__(self, port: int, target: int) -> None:
        self.port, self.target = port, target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Close all connections, and refuse new ones."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        ends = {writer, forth}
        self._writers |= ends
        await asyncio.gather(_copy(reader, forth), _copy(back, writer))
        self._writers -= ends


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Clock:
    """The clock of the app's processes, which libfaketime reads from a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def settings(self) -> dict[str, str]:
        """Return the variables that make a process use it."""
        [library] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        """Set it, such as to `+1d`; at once, because a process may read the file at any time."""
        new = self.path.with_suffix(".new")
        new.write_text(offset)
        new.replace(self.path)

    async def start(self) -> None:
        """Set the right time."""
        self.set("+0")

    async def stop(self) -> None:
        """Set the right time."""
        self.set("+0")


class ObjectStore:
    """An S3 server, moto's, behind a relay: it keeps files in memory, so only the relay stops."""

    BUCKET = "files"

    def __init__(self, new_port: NewPort, python: str) -> None:
        port = new_port()
        self.relay = Relay(new_port(), port)
        self._moto = Program(port, [python, "-m", "moto.server", "--port", port])

    async def start(self) -> None:
        """Start the server, create the bucket, and pass connections on."""
        await self._moto.start()
        request = Request("PUT", f"/{self.BUCKET}", content=("text/plain", b""))
        await Client(self.relay.target).send(request)
        await self.relay.start()

    async def stop(self) -> None:
        """Stop everything."""
        await self.relay.stop()
        await self._moto.stop()

    def settings(self) -> dict[str, str]:
        """Return the settings with which the app uses it."""
        options = "access_key_id=test&secret_access_key=test&region=us-east-1"
        url = f"s3://{self.BUCKET}?endpoint=http://127.0.0.1:{self.relay.port}&{options}"
        return {"FILES_URL": url}


Helper = Program | Relay | Clock | ObjectStore


@asynccontextmanager
async def helpers(
    names: Collection[str], direct: str, folder: Path, new_port: NewPort, moto_python: str
) -> AsyncIterator[tuple[dict[str, Helper], dict[str, str]]]:
    """Start them; yield them by name, and the settings with which the app uses them."""
    found: dict[str, Helper] = {}
    settings: dict[str, str] = {}
    for name in sorted(names):
        if name == "s3":
            store = ObjectStore(new_port, moto_python)
            found[name], more = store, store.settings()
        else:
            found[name], more = _build(name, new_port(), direct, folder)
        settings |= more
        await found[name].start()
    try:
        yield found, settings
    finally:
        for helper in found.values():
            await helper.stop()


def _build(name: str, port: int, direct: str, folder: Path) -> tuple[Helper, dict[str, str]]:
    parts = urlsplit(direct)
    if name == "clock":
        clock = Clock(folder / "clock")
        return clock, clock.settings()
    if name == "redis":
        command = [find_program("redis-server"), "--port", str(port), "--save", "", "--dir", folder]
        return Program(port, command), {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    assert parts.port
    url = {"DATABASE_URL": direct.replace(f":{parts.port}/", f":{port}/")}
    if name == "relay":
        return Relay(port, parts.port), url
    configuration = folder / "pgbouncer.ini"
    database = parts.path.strip("/")
    configuration.write_text(PGBOUNCER.format(database=database, server=parts.port, port=port))
    for path in (folder.parent, folder):
        path.chmod(0o755)
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [find_program("pgbouncer"), "-q", *user, configuration]
    return Program(port, command), {
        **url,
        "DATABASE_PGBOUNCER": "true",
        "DATABASE_DIRECT_URL": direct,
    }


def find_program(name: str) -> str:
    """Return the path of a program of the system.

    Raises:
        RuntimeError: it is not installed.
    """
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        raise RuntimeError(f"{name} is not installed: `apt-get install {name}`")
    return path
