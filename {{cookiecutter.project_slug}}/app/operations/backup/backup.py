"""Takes backups."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain
from types import ModuleType
from typing import Any

from anyio import from_thread

from app.database.base import utc_now
from app.files.models import FileState, thumbnail_key
from app.files.responses import attachment
from app.files.store import FileMissing, FileStore
from app.operations.backup import postgresql, sqlite
from app.operations.backup.archive import (
    CHUNK_BYTES,
    DATABASE,
    FILES,
    BackupFailed,
    ChunkReader,
    Manifest,
    Part,
    Progress,
    write_archive,
)
from app.operations.backup.encryption import encrypt
from app.operations.backup.places import Place, list_names, place_in, write
from app.settings.config import BackupSettings, DatabaseSettings, Settings

_FILES = f"SELECT key, name, media_type, size, thumbnails FROM files WHERE state = '{FileState.READY}' ORDER BY id"  # noqa: S608


def database_module(settings: DatabaseSettings) -> ModuleType:
    """Return the module for the database: `sqlite` or `postgresql`."""
    return sqlite if settings.url.startswith("sqlite") else postgresql


async def take_backup(settings: Settings, store: FileStore, place: Place, progress: Progress) -> Manifest:
    """Write a backup of the database and its files to a place, and return its manifest.

    Raises:
        BackupFailed: says why.
    """
    database = settings.database.for_maintenance()
    async with database_module(database).open_snapshot(database) as snapshot:
        backup = _Backup(settings, snapshot, store, progress)
        await write(place, backup.produce)
    return backup.manifest


async def delete_old(settings: BackupSettings) -> list[str]:
    """Delete all but the newest backups at BACKUP_URL, and return the names."""
    old = (await list_names(settings))[: -settings.keep]
    await place_in(settings, "backup").store.delete(old)
    return old


class _Backup:
    """A backup that is being written, in a thread."""

    def __init__(self, settings: Settings, snapshot: Any, store: FileStore, progress: Progress) -> None:  # noqa: ANN401
        self._settings, self._snapshot, self._store, self._progress = settings, snapshot, store, progress
        self._total = 0
        self.manifest = Manifest(
            created_at=utc_now(),
            database=snapshot.kind,
            version=snapshot.version,
            revisions=[],
            tables={},
            files=0,
            missing_files=0,
        )

    def produce(self, target: object) -> None:
        """Write it."""
        manifest, rows = self.manifest, self._snapshot.rows
        manifest.tables = self._snapshot.tables()
        if "files" not in manifest.tables:
            raise BackupFailed("The database isn't one of this version: run `app db upgrade` first.")
        manifest.revisions = sorted(revision for (revision,) in rows("SELECT version_num FROM alembic_version"))
        self._total = self._snapshot.size() + int(next(rows("SELECT coalesce(sum(size), 0) FROM files"))[0])
        parts = chain(self._database(), self._files())
        with closing(write_archive(parts, lambda: manifest)) as chunks:  # before the snapshot, whose rows it reads
            encrypt(ChunkReader(chunks), target, self._settings.backup.recipients)

    def _database(self) -> Iterator[Part]:
        settings = self._settings.database.for_maintenance()
        for number, chunk in enumerate(self._snapshot.dump(settings, self._settings.backup.postgresql_bin)):
            yield Part(f"{DATABASE}{number:06}", len(chunk), self._counted([chunk]))

    def _files(self) -> Iterator[Part]:
        for key, name, media_type, size, thumbnails in self._snapshot.rows(_FILES):
            original = self._read(key, size, attachment(name, media_type))
            if original is None:
                self.manifest.missing_files += 1
                continue
            self.manifest.files += 1
            yield original
            for side in json.loads(thumbnails):
                if thumbnail := self._read(thumbnail_key(key, side), None, {"Content-Type": "image/webp"}):
                    yield thumbnail

    def _read(self, key: str, size: int | None, headers: Mapping[str, str]) -> Part | None:
        """Return a file of the store, or None if it was deleted. Only its start is read now."""
        read = self._store.read
        try:
            size = size or from_thread.run(self._store.size, key)
            start = from_thread.run(read, key, 0, min(size, CHUNK_BYTES))
        except FileMissing:
            return None
        positions = range(CHUNK_BYTES, size, CHUNK_BYTES)
        rest = (from_thread.run(read, key, position, min(position + CHUNK_BYTES, size)) for position in positions)
        return Part(f"{FILES}{key}", size, self._counted(chain([start], rest)), headers)

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            self._progress(len(chunk), self._total)
