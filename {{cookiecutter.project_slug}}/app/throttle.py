"""Attempts that are counted, by all workers together, and refused when there are too many."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Database
from app.keys import KeyRing
from app.settings import Settings


class Limit(NamedTuple):
    """So many attempts within a time."""

    name: str
    attempts: int
    window: timedelta


class AttemptCount(Base):
    """How often something was tried; the key is a keyed hash of what is limited and of whom."""

    __tablename__ = "attempt_counts"

    key: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    count: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Throttle:
    """Counts attempts; what it counts is committed at once, and so outlives a refusal."""

    def __init__(self, settings: Settings, database: Database, keys: KeyRing) -> None:
        self._settings = settings
        self._database = database
        self._keys = keys

    async def hit(self, limit: Limit, subject: str) -> None:
        """Count one attempt of a subject: an address, an account, a device."""

    async def forget(self, limit: Limit, subject: str) -> None:
        """Begin to count anew."""
