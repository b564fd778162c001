"""Snapshots of SQLite, and restoring one."""

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from anyio import to_thread
from sqlalchemy.engine import make_url

from app.database.engine import fold_text
from app.operations.backup.archive import CHUNK_BYTES, BackupFailed, Table
from app.settings.config import DatabaseSettings

TOOLS = 3
"""SQLite's file format hasn't changed since version 3."""


class Snapshot:
    """A copy of the database at one moment."""

    kind, version = "sqlite", TOOLS

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection

    def rows(self, query: str) -> Iterator[Any]:
        """Yield the rows of a query."""
        yield from self._connection.execute(query)

    def tables(self) -> dict[str, Table]:
        """Count the rows of each table, and compute a digest of them."""
        names = self.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1")
        return {name: self._table(name) for (name,) in list(names)}

    def _table(self, name: str) -> Table:
        digest, count = hashlib.sha256(), 0
        for row in self.rows(f'SELECT * FROM "{name}"'):  # noqa: S608 - a name of the database
            digest.update(repr(row).encode())
            count += 1
        return Table(rows=count, digest=digest.hexdigest())

    def size(self) -> int:
        """Return about how many bytes `dump` yields."""
        return self._path.stat().st_size

    def dump(self, *_: object) -> Iterator[bytes]:
        """Yield the file of the database."""
        with self._path.open("rb") as file:
            yield from iter(lambda: file.read(CHUNK_BYTES), b"")


@asynccontextmanager
async def open_snapshot(settings: DatabaseSettings) -> AsyncIterator[Snapshot]:
    """Copy the database while it is in use; writers don't wait. The copy is next to it, as there is space."""
    source = _path(settings)
    with TemporaryDirectory(prefix=".backup-", dir=source.parent, ignore_cleanup_errors=True) as folder:
        copy = Path(folder, "database")
        await to_thread.run_sync(_copy, source, copy, settings)
        with closing(sqlite3.connect(copy, check_same_thread=False)) as connection:
            connection.create_function("fold_text", 1, fold_text, deterministic=True)
            yield Snapshot(copy, connection)


@asynccontextmanager
async def scratch_database(settings: DatabaseSettings) -> AsyncIterator[DatabaseSettings]:
    """Name a database for a moment, next to that of the settings."""
    with TemporaryDirectory(prefix=".verify-", dir=_path(settings).parent, ignore_cleanup_errors=True) as folder:
        yield settings.model_copy(update={"url": f"sqlite+aiosqlite:///{folder}/database"})


def restore(settings: DatabaseSettings, dump: Iterator[bytes], **_: object) -> None:
    """Replace the database in one transaction, which other processes see as any other."""
    target = _path(settings)
    with TemporaryDirectory(prefix=".restore-", dir=target.parent, ignore_cleanup_errors=True) as folder:
        source = Path(folder, "database")
        with source.open("wb") as file:
            file.writelines(dump)
        target.touch(mode=0o600)
        try:
            _copy(source, target, settings)
        except sqlite3.DatabaseError as error:
            raise BackupFailed(f"The restore failed: {error}.") from error


def _copy(source: Path, target: Path, settings: DatabaseSettings) -> None:
    """Copy all pages in one step: a copy in several starts again at each write."""
    seconds = settings.busy_timeout.total_seconds()
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target, timeout=seconds)) as copy:
        original.backup(copy)


def _path(settings: DatabaseSettings) -> Path:
    name = make_url(settings.url).database or ":memory:"
    if name == ":memory:" or name.startswith("file:"):
        raise BackupFailed("DATABASE_URL must be that of a file.")
    return Path(name).absolute()
