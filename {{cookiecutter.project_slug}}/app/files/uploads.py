"""Receive and discard files."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from email.message import Message
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile

from app.database.after_commit import after_commit
from app.errors import ContentTooLarge, InvalidRequest
from app.files.direct_uploads import StagedFile
from app.files.images import InvalidImage, encode_image
from app.files.jobs import discard_file, make_thumbnails
from app.files.media_types import HEAD_BYTES, IMAGES, detect_type, extensions_of
from app.files.models import File
from app.files.names import clean_name
from app.files.responses import attachment
from app.files.rules import FileRules
from app.files.store import FileMissing, FileStore
from app.i18n import gettext, gettext_noop

__all__ = ["FileTooLarge", "InvalidFile", "Upload", "discard_file", "receive_file"]

Upload = UploadFile | Request | StagedFile
"""A file in a multipart form, a request whose body is the file, or a file that was sent to a signed URL."""

_READ_BYTES = 65_536


class FileTooLarge(ContentTooLarge):
    """The file exceeds the limit of its field."""

    title = gettext_noop("File too large")


class InvalidFile(InvalidRequest):
    """The file is empty, damaged, or of a type that the field doesn't accept."""

    title = gettext_noop("Invalid file")


async def receive_file(  # noqa: PLR0913 - what is received, by which rules, and whose it is
    session: AsyncSession,
    store: FileStore,
    source: Upload,
    rules: FileRules,
    owner_id: UUID | None,
    *,
    field: str = "file",
) -> File:
    """Store an upload and add its row. A request is streamed to the store; images are decoded in memory.

    The bytes are stored before the session is used, so that no transaction is open meanwhile: don't use it before. If
    the transaction is rolled back, a job deletes the bytes.

    Raises:
        FileTooLarge: it has more than `rules.max_bytes`.
        InvalidFile: it is empty, damaged, or its type isn't one of `rules.types`; names the field.
        StoreFull: the disk of the store is full.
        StoreUnavailable: the store doesn't respond.
    """
    upload = _Upload(source, store, rules, field)
    file = File(owner_id=owner_id, **await upload.store())
    session.add(file)
    await session.flush()
    if isinstance(source, StagedFile):
        after_commit(session, partial(store.delete, [source.key]))
    if rules.thumbnails and file.media_type in IMAGES:
        await make_thumbnails.enqueue(session, file.id, list(rules.thumbnails))
    return file


class _Upload:
    """The bytes of one upload, checked while they arrive."""

    def __init__(self, source: Upload, store: FileStore, rules: FileRules, field: str) -> None:
        self._store, self._rules, self._field = store, rules, field
        self._sent_name = _name_of(source) if isinstance(source, Request) else source.filename
        self._chunks = _read(source, store)
        self._key = new_key()
        self._hash, self._size = hashlib.sha256(), 0

    async def store(self) -> dict[str, Any]:
        """Store the file and return the values of its row."""
        head = await self._read_head()
        media_type = self._check_type(head)
        if media_type in IMAGES:
            return await self._store_image(head)
        name = clean_name(self._sent_name, extensions_of(media_type))
        await self._store.put(self._key, self._all(head), attachment(name, media_type))
        return self._values(name, media_type, size=self._size, sha256=self._hash.hexdigest())

    async def _store_image(self, head: bytes) -> dict[str, Any]:
        data = b"".join([chunk async for chunk in self._all(head)])
        try:
            image = await encode_image(data, self._rules.max_side)
        except InvalidImage as error:
            raise self._invalid(str(error)) from error
        name = clean_name(self._sent_name, extensions_of(image.media_type))
        await self._store.put(self._key, image.data, attachment(name, image.media_type))
        size = {"size": len(image.data), "width": image.width, "height": image.height}
        return self._values(name, image.media_type, sha256=hashlib.sha256(image.data).hexdigest(), **size)

    async def _read_head(self) -> bytes:
        head = b""
        try:
            while len(head) < HEAD_BYTES and (chunk := await anext(self._chunks, None)) is not None:
                head += chunk
        except FileMissing as error:  # of a direct upload
            raise self._invalid(gettext_noop("The file hasn't been uploaded")) from error
        return head

    def _check_type(self, head: bytes) -> str:
        if not head:
            raise self._invalid(gettext_noop("The file is empty"))
        media_type = detect_type(head, self._sent_name)
        if media_type not in self._rules.types:
            raise self._invalid(gettext_noop("Files of this type are not accepted"))
        return media_type

    async def _all(self, head: bytes) -> AsyncIterator[bytes]:
        """Yield all bytes; count and hash them.

        Raises:
            FileTooLarge: at the limit.
        """
        chunk: bytes | None = head
        while chunk is not None:
            self._size += len(chunk)
            if self._size > self._rules.max_bytes:
                size = f"{self._rules.max_bytes / 1_000_000:g}"
                raise FileTooLarge(gettext("Maximum size: %(size)s MB.", size=size))
            self._hash.update(chunk)
            yield chunk
            chunk = await anext(self._chunks, None)

    def _values(self, name: str, media_type: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - of columns
        return {"key": self._key, "name": name, "media_type": media_type, **values}

    def _invalid(self, message: str) -> InvalidFile:
        return InvalidFile(errors=[{"loc": ("body", self._field), "msg": message, "type": "file"}])


def new_key() -> str:
    """Return a random key, in one of 256 folders."""
    key = secrets.token_hex(16)
    return f"{key[:2]}/{key[2:]}"


async def _read(source: Upload, store: FileStore) -> AsyncIterator[bytes]:
    if not isinstance(source, UploadFile):
        async for chunk in source.stream() if isinstance(source, Request) else source.read(store):
            yield chunk
        return
    while chunk := await source.read(_READ_BYTES):
        yield chunk


def _name_of(request: Request) -> str | None:
    """Return the name in `Content-Disposition: attachment; filename*=UTF-8''…` (RFC 6266)."""
    message = Message()
    message["Content-Disposition"] = request.headers.get("content-disposition", "")
    return message.get_filename()
