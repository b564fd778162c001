"""Database model for notes, outside of `Base.metadata`, so that migrations don't create its table."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.models import User
from app.database.base import NAMING_CONVENTION, Owned, Record

TABLES = MetaData(naming_convention=NAMING_CONVENTION)


class SampleNote(Owned, Record):
    """A note."""

    __tablename__ = "sample_notes"
    metadata = TABLES

    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text, server_default="")
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), sort_order=80)

    unique_title = UniqueConstraint("owner_id", "title")
    __table_args__ = (unique_title, Index(None, "owner_id", "id"))
