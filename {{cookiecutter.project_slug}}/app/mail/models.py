"""Outbox table."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, case
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.database.base import Record, utc_now


class OutboxMessage(Record):
    """An email: queued in the transaction it reports on and sent after the commit. Sending erases its content.

    `payload` is encrypted because it contains the address and links.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "sent_at", "failed_at", "next_attempt_at"),)

    template: Mapped[str] = mapped_column(String(80))
    payload: Mapped[bytes | None] = mapped_column(LargeBinary)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(default=utc_now)
    """Next attempt. Claiming an email moves this forward, so that no other process claims it."""
    sent_at: Mapped[datetime | None] = mapped_column()
    failed_at: Mapped[datetime | None] = mapped_column()
    """Time of permanent failure."""
    last_error: Mapped[str | None] = mapped_column(String(500))
    """The last error, without addresses, links and passwords."""
    state: Mapped[str] = column_property(
        case((sent_at.is_not(None), "sent"), (failed_at.is_not(None), "failed"), else_="pending")
    )
