"""Database model of notes."""

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Owned, Record


class Note(Owned, Record):
    """A note."""

    __tablename__ = "notes"

    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text, server_default="")

    unique_title = UniqueConstraint("owner_id", "title")
    __table_args__ = (
        unique_title,
        Index(None, "owner_id", "id"),
    )
