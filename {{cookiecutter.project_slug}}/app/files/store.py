"""The store of `FILES_URL`: bytes by key. The only module that knows obstore.

obstore reads credentials of cloud stores as their own tools do: from the environment (`AWS_ACCESS_KEY_ID`, …) or the
machine's role, if `FILES_URL` has none. https://developmentseed.org/obstore/latest/authentication/
"""

import atexit
import logging
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache, cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, ObjectStore, S3Store

from app.errors import NotFound, Problem, Unavailable
from app.settings.config import FilesSettings
from app.settings.files_url import CLOUD_SCHEMES, parse_files_url

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1024 * 1024
"""How much is read at once: each is a request of its own, so that a slow client keeps none open."""
PART_BYTES = 5 * 1024 * 1024
"""How much is written at once: the smallest part of an S3 upload, except its last."""
_CLIENT = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=30)}
_RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=15)}
_DISK_FULL = "os error 28"  # ENOSPC
_STORES: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}


class StoreUnavailable(Unavailable):
    """The store doesn't respond, or rejects the credentials."""

    title = "Files are unavailable"


class StoreFull(Problem):
    """The disk of the store is full."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    title = "No space left for files"


class FileMissing(NotFound):
    """The store doesn't have the file."""

    title = "File not found"


class StoredFile(NamedTuple):
    """An entry of the store's list."""

    key: str
    modified_at: datetime


class FileStore:
    """Bytes by key. It connects when it is used; keys are never names that clients send."""

    def __init__(self, settings: FilesSettings) -> None:
        self._location = parse_files_url(settings.url.get_secret_value())
        self.is_cloud = self._location.scheme in CLOUD_SCHEMES
        """Whether it has signed URLs."""

    @cached_property
    def _store(self) -> ObjectStore:
        _wait_at_exit()
        scheme, place, options = self._location
        if scheme == "memory":
            return MemoryStore()
        if scheme == "file":
            return LocalStore(Path(place).absolute(), mkdir=True)
        client = {**_CLIENT, "allow_http": options.get("endpoint", "").startswith("http://")}
        url = f"{scheme}://{place}"
        store = _STORES[scheme].from_url(url, config=options, client_options=client, retry_config=_RETRIES)
        return cast(ObjectStore, store)

    async def put(
        self,
        key: str,
        data: bytes | AsyncIterable[bytes],
        headers: Mapping[str, str],
        *,
        part_bytes: int = PART_BYTES,
    ) -> None:
        """Store all bytes, or none if it fails, also if `data` raises. The headers are those of signed URLs.

        Raises:
            StoreFull: the disk is full.
            StoreUnavailable: the store doesn't respond.
        """
        attributes = cast(Any, dict(headers)) if self.is_cloud else None
        with _translated_errors():
            await obstore.put_async(
                self._store, key, data, attributes=attributes, chunk_size=part_bytes, max_concurrency=2
            )

    async def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes from `start` to before `end`.

        Raises:
            FileMissing: the store doesn't have them.
            StoreUnavailable: the store doesn't respond.
        """
        with _translated_errors():
            if end is not None:
                return bytes(await obstore.get_range_async(self._store, key, start=start, end=end))
            return bytes(await (await obstore.get_async(self._store, key)).bytes_async())

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` to before `end`."""
        for position in range(start, end, CHUNK_BYTES):
            yield await self.read(key, position, min(position + CHUNK_BYTES, end))

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete files, if they exist."""
        for key in keys:
            with _translated_errors(), suppress(FileNotFoundError):
                await obstore.delete_async(self._store, key)

    async def list(self) -> AsyncIterator[Sequence[StoredFile]]:
        """Yield all files, in batches."""
        with _translated_errors():
            async for batch in obstore.list(self._store, chunk_size=500):
                yield [StoredFile(item["path"], item["last_modified"]) for item in batch]

    async def size(self, key: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            FileMissing: the store doesn't have it.
        """
        with _translated_errors():
            return (await obstore.head_async(self._store, key))["size"]

    async def sign_url(self, key: str, ttl: timedelta, method: Literal["GET", "PUT"] = "GET") -> str:
        """Return a URL of the cloud store with which everyone can read, or write, the file for a while."""
        with _translated_errors():
            return await obstore.sign_async(cast(Any, self._store), method, key, ttl)


@cache
def _wait_at_exit() -> None:
    """Let threads of obstore return their results, or the process aborts if the interpreter ends meanwhile."""
    atexit.register(time.sleep, 0.1)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing from error
    except (BaseError, OSError) as error:
        reason = str(error).partition("\n")[0]
        logger.warning("file store: %s", reason)
        if _DISK_FULL in reason:
            raise StoreFull("The disk is full. Free some space and try again.") from error
        raise StoreUnavailable("The file store is not responding. Try again later.") from error
