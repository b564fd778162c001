"""Database models of API keys."""

from datetime import datetime

from sqlalchemy import JSON, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Owned, Record


class ApiKey(Owned, Record):
    """A user's API key. The prefix, which isn't secret, identifies it; of the key itself only a hash is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "owner_id", "id"),)

    name: Mapped[str] = mapped_column(String(80))
    prefix: Mapped[str] = mapped_column(String(8), unique=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    scopes: Mapped[list[str]] = mapped_column(JSON(none_as_null=True))
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    last_used_ip: Mapped[str | None] = mapped_column(String(45))
    revoked_at: Mapped[datetime | None]
