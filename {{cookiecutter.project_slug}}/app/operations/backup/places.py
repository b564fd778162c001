"""Where a backup is: a file, or an object of a bucket."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from anyio import create_memory_object_stream, from_thread, to_thread

from app.database.base import utc_now
from app.files.store import FileMissing, FileStore
from app.operations.backup.archive import BackupFailed
from app.settings.config import BackupSettings, FilesSettings
from app.settings.files_url import CLOUD_SCHEMES

PART_BYTES = 16 * 1024 * 1024
"""S3 accepts at most 10,000 parts, so a backup may have 160 GB."""


class Place(NamedTuple):
    """A key of a store. A file has a path too."""

    store: FileStore
    key: str
    path: Path | None

    def __str__(self) -> str:
        return str(self.path or self.key)


def parse_place(text: str) -> Place:
    """Return the place of FILE, file:FILE or s3://BUCKET/FILE?OPTIONS.

    Raises:
        BackupFailed: invalid.
    """
    address, _, query = text.partition("?")
    if text.partition(":")[0] in CLOUD_SCHEMES:
        folder, _, key = address.rpartition("/")
        try:
            return Place(FileStore(FilesSettings.model_validate({"url": f"{folder}?{query}"})), key, None)
        except ValueError as error:
            raise BackupFailed("Use FILE, s3://BUCKET/FILE, gs://BUCKET/FILE or az://CONTAINER/FILE.") from error
    path = Path(text.removeprefix("file:")).absolute()
    return Place(FileStore(FilesSettings.model_validate({"url": f"file:{path.parent}"})), path.name, path)


def place_in(settings: BackupSettings, name: str) -> Place:
    """Return the place of this name at BACKUP_URL.

    Raises:
        BackupFailed: BACKUP_URL is not set.
    """
    if settings.url is None:
        raise BackupFailed("Name a FILE or URL, or set BACKUP_URL.")
    address, mark, query = settings.url.get_secret_value().partition("?")
    return parse_place(f"{address.rstrip('/')}/{name}{mark}{query}")


def new_name(settings: BackupSettings) -> str:
    """Return the name of a backup that is taken now; names sort by time."""
    return f"backup-{utc_now():%Y%m%dT%H%M%SZ}.tar.gz{'.age' if settings.recipients else ''}"


async def list_names(settings: BackupSettings) -> list[str]:
    """Return the names of the backups at BACKUP_URL, oldest first."""
    store = place_in(settings, "backup").store
    keys = [entry.key async for batch in store.list() for entry in batch]
    return sorted(key for key in keys if key.startswith("backup-") and key.endswith((".tar.gz", ".tar.gz.age")))


class _Sink(io.RawIOBase):
    """A file to write in a thread; the event loop uploads what it receives."""

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._send = send

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        self._send(bytes(data))
        return len(data)


async def write(place: Place, produce: Callable[[_Sink], None]) -> None:
    """Store what `produce` writes in a thread, or nothing if it fails. Memory is flat."""
    sending, receiving = create_memory_object_stream[bytes](8)
    if place.path:
        place.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def run() -> None:
        with sending:
            await to_thread.run_sync(produce, _Sink(lambda data: from_thread.run(sending.send, data)))

    producer = asyncio.create_task(run())

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in receiving:
            yield chunk
        await producer  # raises its error, so that the store keeps nothing

    try:
        await place.store.put(place.key, chunks(), {}, part_bytes=PART_BYTES)
    finally:
        receiving.close()  # ends the thread, if it still writes
        await asyncio.gather(producer, return_exceptions=True)
    if place.path:
        await to_thread.run_sync(_keep, place.path)


def _keep(path: Path) -> None:
    """Deny others access to a file, and write it to the disk."""
    path.chmod(0o600)
    with path.open("rb") as file:
        os.fsync(file.fileno())


async def download(place: Place, target: IO[bytes]) -> None:
    """Copy a backup to a file.

    Raises:
        BackupFailed: there is none.
        StoreUnavailable: the store doesn't respond.
    """
    try:
        size = await place.store.size(place.key)
    except FileMissing as error:
        raise BackupFailed(f"{place} not found.") from error
    for start in range(0, size, PART_BYTES):
        target.write(await place.store.read(place.key, start, min(start + PART_BYTES, size)))
