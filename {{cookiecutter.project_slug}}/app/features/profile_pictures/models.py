"""Database model of profile pictures."""

from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Owned, Record
from app.files.models import File


class ProfilePicture(Owned, Record):
    """The picture of a user, who has at most one."""

    __tablename__ = "profile_pictures"
    __table_args__ = (UniqueConstraint("owner_id"), UniqueConstraint("file_id"))

    file_id: Mapped[UUID] = mapped_column(ForeignKey(File.id, ondelete="CASCADE"))
