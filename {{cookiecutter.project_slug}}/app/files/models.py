"""Database model of uploaded files."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Owned, Record
from app.files.names import MAX_NAME_LENGTH


class FileState(StrEnum):
    """Whether a file is used."""

    READY = "ready"
    DISCARDED = "discarded"
    """No longer used: a job deletes the bytes, then the row."""


class File(Owned, Record):
    """An uploaded file. Its bytes never change: a new upload is a new file."""

    __tablename__ = "files"
    __table_args__ = (Index(None, "owner_id", "id"), Index(None, "state"))

    # Not deleted with the owner: a record of others may show it. Without such a record, a job deletes it.
    owner_id: Mapped[UUID | None] = mapped_column(  # type: ignore[assignment] # of `Owned`, which requires an owner
        ForeignKey("users.id", ondelete="SET NULL"), sort_order=80
    )
    key: Mapped[str] = mapped_column(String(40), unique=True)
    """Where its bytes are in the store: random, so that it tells nothing."""
    name: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    """Name without a path, for downloads. Its extension is one of the type."""
    media_type: Mapped[str] = mapped_column(String(100))
    """Type detected from the bytes."""
    size: Mapped[int] = mapped_column(BigInteger)
    """Size in bytes."""
    sha256: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the bytes in the store, in hexadecimal."""
    state: Mapped[FileState] = mapped_column(default=FileState.READY)
    width: Mapped[int | None]
    """Width of an image in pixels."""
    height: Mapped[int | None]
    """Height of an image in pixels."""
    thumbnails: Mapped[list[int]] = mapped_column(default=list)
    """Longest sides, in pixels, of the thumbnails in the store."""


def thumbnail_key(key: str, size: int) -> str:
    """Return the key of a file's thumbnail."""
    return f"{key}-{size}"
