"""Restores backups, and verifies them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO

from anyio import from_thread, to_thread
from sqlalchemy import inspect

from app.database import revisions
from app.database.connection import open_database
from app.files.store import FileStore
from app.operations.backup.archive import (
    CHUNK_BYTES,
    DATABASE,
    FILES,
    BackupFailed,
    Manifest,
    Progress,
    Table,
    check_archive,
    headers_of,
    read_archive,
)
from app.operations.backup.backup import database_module
from app.operations.backup.encryption import decrypt, is_encrypted
from app.operations.backup.places import Place, download
from app.settings.config import DatabaseSettings, Settings


async def fetch_backup(place: Place, folder: Path, identity: Path | None, progress: Progress) -> tuple[Path, Manifest]:
    """Check all of a backup, which is first copied to the folder if it is in a bucket, and decrypted if necessary.

    Raises:
        BackupFailed: it is damaged, or the key is another one.
    """
    path, decrypted = place.path or folder / "downloaded", folder / "backup.tar.gz"
    if place.path is None:
        with path.open("wb") as file:
            await download(place, file)
    if is_encrypted(path):
        await to_thread.run_sync(decrypt, path, decrypted, identity)
        path = decrypted
    return path, await to_thread.run_sync(check_archive, path, progress)


def check_target(settings: Settings, manifest: Manifest) -> None:
    """Check that the backup is of this type of database, and not of a newer version of the app.

    Raises:
        BackupFailed: it isn't.
    """
    kind = database_module(settings.database).Snapshot.kind
    if manifest.database != kind:
        raise BackupFailed(f"The backup is of {manifest.database}, but DATABASE_URL is of {kind}.")
    unknown = set(manifest.revisions) - revisions.code_revisions().known
    if unknown:
        raise BackupFailed(
            f"The backup is of a newer version of the app, with the migration {min(unknown)}: restore it with that one."
        )


async def table_names(settings: DatabaseSettings) -> list[str]:
    """Return the names of the tables of a database: none, if it is empty."""
    async with open_database(settings) as database, database.engine.connect() as connection:
        return await connection.run_sync(lambda sync: inspect(sync).get_table_names())


async def verify_backup(settings: Settings, path: Path, manifest: Manifest) -> None:
    """Restore into an empty database, compare each table, and drop it.

    Raises:
        BackupFailed: they differ.
    """
    database = settings.database.for_maintenance()
    async with database_module(database).scratch_database(database) as scratch:
        await _restore_database(scratch, path, manifest, settings.backup.postgresql_bin, replace=False)


async def restore_backup(  # noqa: PLR0913
    settings: Settings, store: FileStore, path: Path, manifest: Manifest, *, replace: bool, progress: Progress
) -> None:
    """Restore the files, then the database, and compare each table.

    Raises:
        BackupFailed: says why. The database is then as it was, unless tables differ.
    """
    await to_thread.run_sync(_restore_files, store, path, lambda: progress(1, manifest.files))
    database = settings.database.for_maintenance()
    await _restore_database(database, path, manifest, settings.backup.postgresql_bin, replace=replace)


async def _restore_database(
    settings: DatabaseSettings, path: Path, manifest: Manifest, tools: str, *, replace: bool
) -> None:
    module = database_module(settings)

    def restore() -> None:
        with read_archive(path, DATABASE) as members:
            dump = (content.read() for _, content in members)
            module.restore(settings, dump, manifest=manifest, tools=tools, replace=replace)

    await to_thread.run_sync(restore)
    async with module.open_snapshot(settings) as snapshot:
        tables: dict[str, Table] = await to_thread.run_sync(snapshot.tables)
    different = sorted({name for name, _ in tables.items() ^ manifest.tables.items()})
    if different:
        raise BackupFailed(f"These tables differ from the backup: {', '.join(different)}.")


def _restore_files(store: FileStore, path: Path, advance: Callable[[], object]) -> None:
    with read_archive(path, FILES) as members:
        for info, content in members:
            key = info.name.removeprefix(FILES)
            data = content.read() if info.size <= CHUNK_BYTES else _chunks(content)
            from_thread.run(store.put, key, data, headers_of(info))
            advance()


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await to_thread.run_sync(file.read, CHUNK_BYTES):
        yield chunk
