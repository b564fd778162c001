"""The format of a backup: a compressed tar file, which `tar` and `sha256sum` can read.

database/000000 …   the dump of the database, in parts to be joined
files/ab/cdef…      the uploaded files, by key
SHA256SUMS          the checksums of all of these, in this order
backup.json         what it is a backup of; last, so that a truncated backup has none
"""

import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ValidationError

CHUNK_BYTES = 4 * 1024 * 1024
DATABASE, FILES = "database/", "files/"
_CHECKSUMS, _MANIFEST = "SHA256SUMS", "backup.json"
Progress: TypeAlias = Callable[[int, int], object]
"""Called with the number of bytes processed since the last call, and the approximate total."""
_HEADER = "APP."
"""Prefix of the headers of a file's response, in the extended header (PAX) of the tar file."""


class BackupFailed(Exception):
    """A backup can't be taken, read or restored; the message says why, in one sentence."""


class Table(BaseModel, frozen=True):
    """Number of rows of a table, and a digest of them."""

    rows: int
    digest: str


class Manifest(BaseModel):
    """What a backup contains."""

    format: Literal[1] = 1
    created_at: datetime
    database: str
    """`sqlite` or `postgresql`."""
    version: int
    """Major version of the server and of its tools; 3 for SQLite."""
    revisions: list[str]
    """Applied migrations: the heads."""
    tables: dict[str, Table]
    files: int
    missing_files: int
    """Files without bytes in the store when the backup was taken."""
    checksum: str = ""
    """SHA-256 of SHA256SUMS."""


class Part(NamedTuple):
    """A member of the archive."""

    name: str
    size: int
    content: Iterable[bytes]
    headers: Mapping[str, str] = {}


class ChunkReader(io.RawIOBase):
    """A file to read, made of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, memoryview(b"")
        self.error: Exception | None = None
        """What the chunks raised: libraries in other languages replace it."""

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes; nothing at the end."""
        try:
            while not self._rest and (chunk := next(self._chunks, None)) is not None:
                self._rest = memoryview(chunk)
        except Exception as error:
            self.error = error
            raise
        end = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:end], self._rest[end:]
        return bytes(data)


def write_archive(parts: Iterable[Part], describe: Callable[[], Manifest]) -> Generator[bytes]:
    """Yield a backup. `describe` is called after the last part."""
    compressor = zlib.compressobj(1, wbits=31)  # gzip
    for chunk in _write_tar(parts, describe):
        if data := compressor.compress(chunk):
            yield data
    yield compressor.flush()


def _write_tar(parts: Iterable[Part], describe: Callable[[], Manifest]) -> Iterator[bytes]:
    with TemporaryFile() as checksums:
        for part in parts:
            digest = hashlib.sha256()
            yield from _member(part, digest)
            checksums.write(f"{digest.hexdigest()}  {part.name}\n".encode())
        size, checksum = checksums.tell(), hashlib.sha256()
        checksums.seek(0)
        yield from _member(Part(_CHECKSUMS, size, iter(lambda: checksums.read(CHUNK_BYTES), b"")), checksum)
    manifest = describe().model_copy(update={"checksum": checksum.hexdigest()}).model_dump_json(indent=2).encode()
    yield from _member(Part(_MANIFEST, len(manifest), [manifest]), hashlib.sha256())
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(part: Part, digest: Any) -> Iterator[bytes]:  # noqa: ANN401 - hashlib's type is private
    info = tarfile.TarInfo(part.name)
    info.size, info.mode = part.size, 0o600
    info.pax_headers = {f"{_HEADER}{name}": value for name, value in part.headers.items()}
    yield info.tobuf(tarfile.PAX_FORMAT)
    size = 0
    for chunk in part.content:
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if size != part.size:
        raise BackupFailed(f"{part.name} has {size} bytes instead of {part.size}.")
    yield bytes(-size % tarfile.BLOCKSIZE)


def check_archive(path: Path, progress: Progress) -> Manifest:
    """Read a whole backup, compare the checksums of all members, and return its manifest.

    Raises:
        BackupFailed: it is damaged, or not whole.
    """
    checksums, listed, manifest = hashlib.sha256(), "", None
    with read_archive(path) as members:
        for info, content in members:
            if info.name == _MANIFEST:
                manifest = Manifest.model_validate_json(content.read())
                continue
            digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type] # it has `readinto`
            if info.name == _CHECKSUMS:
                listed = digest
            else:
                checksums.update(f"{digest}  {info.name}\n".encode())
            progress(1, 0)
    if manifest is None or {checksums.hexdigest(), listed} != {manifest.checksum}:
        raise BackupFailed("The backup is damaged: its checksums differ.")
    return manifest


@contextmanager
def read_archive(path: Path, prefix: str = "") -> Iterator[Iterator[tuple[tarfile.TarInfo, IO[bytes]]]]:
    """Open a backup: an iterator of members whose names start with the prefix.

    Raises:
        BackupFailed: it is damaged, or not whole.
    """
    try:
        with tarfile.open(path, "r:gz") as tar:
            yield _members(tar, prefix)
    except (tarfile.TarError, EOFError, zlib.error, ValidationError) as error:
        raise BackupFailed("The backup is damaged, not whole, or not a backup of this app.") from error
    except OSError as error:
        if error.filename or error.errno:
            raise
        raise BackupFailed("The file is damaged, or not a backup of this app.") from error  # gzip's


def headers_of(info: tarfile.TarInfo) -> dict[str, str]:
    """Return the headers of a file's response."""
    found = info.pax_headers.items()
    return {name.removeprefix(_HEADER): value for name, value in found if name.startswith(_HEADER)}


def _members(tar: tarfile.TarFile, prefix: str) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    while info := tar.next():
        vars(tar)["members"] = []  # it would collect them
        content = tar.extractfile(info)
        if content and info.name.startswith(prefix):
            yield info, content
    while tar.fileobj and tar.fileobj.read(CHUNK_BYTES):
        """Read to the end, where gzip has a checksum."""
